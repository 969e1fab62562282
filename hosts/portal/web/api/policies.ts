import { z } from 'zod'
import type { ConditionSetting, Policy } from '../../store/entities.ts'
import { collection, existing, idOf } from './collection.ts'
import type { Endpoint } from './endpoint.ts'
import { flag, hasCondition, idsIn, listOf, listText, oneOf, relatedTo } from './list-query.ts'
import type { ApiParts } from './parts.ts'
import { checkSettings, shownSettings } from './plugin-settings.ts'
import { jsonBody } from './read-body.ts'
import { RemovalQuery } from './removal.ts'
import { defined, Id, rowFields, Settings, Text, timeOf } from './body-fields.ts'

const Condition = z.strictObject({
  condition: z.string().max(64).describe('The key of a policy condition plugin'),
  settings: Settings.default({}),
})
const Conditions = z
  .array(Condition)
  .max(16)
  .refine((list) => new Set(list.map(({ condition }) => condition)).size === list.length, 'a condition twice')
  .describe('All of them must hold')

const Mode = z
  .enum(['enforced', 'shadow'])
  .describe('A policy in shadow mode is evaluated and recorded but grants nothing')

const PolicyBody = z
  .object({
    ...rowFields,
    group_id: Id,
    resource_id: Id,
    description: z.string().nullable(),
    conditions: z.array(z.object({ condition: z.string(), settings: Settings })),
    is_disabled: z.boolean(),
    mode: Mode,
  })
  .meta({ id: 'Policy' })
/** Schema of a new policy. */
export const PolicyDraft = z.strictObject({
  group_id: Id,
  resource_id: Id,
  description: Text(1024).nullable().default(null),
  conditions: Conditions.default([]),
  is_disabled: z.boolean().default(false),
  mode: Mode.default('enforced'),
})
/** Schema of a change to a policy. */
export const PolicyPatch = z.strictObject({
  group_id: Id.optional(),
  resource_id: Id.optional(),
  description: Text(1024).nullable().optional(),
  conditions: Conditions.optional(),
  is_disabled: z.boolean().optional(),
  mode: Mode.optional(),
})

/** Validates conditions with their plugins, and completes their settings with stored secrets that were left out. */
export const checkedConditions = (
  conditions: ApiParts['conditions'],
  list: z.infer<typeof Conditions>,
  stored: readonly ConditionSetting[],
): ConditionSetting[] =>
  list.map(({ condition: key, settings }, index) => {
    const before = stored.find(({ condition }) => condition === key)?.settings
    const settingsPath = `conditions[${index}].settings`
    return {
      condition: key,
      settings: checkSettings({
        extensions: conditions,
        key,
        keyPath: `conditions[${index}].condition`,
        settings,
        settingsPath,
        before,
      }),
    }
  })

/** Operations on policies: which group may use which resource, under which conditions. */
export const policyEndpoints = ({ store, conditions }: ApiParts): Endpoint[] => {
  const draft = jsonBody(PolicyDraft)
  const patch = jsonBody(PolicyPatch)

  const policies = collection(store, 'policies', (row: Policy): z.infer<typeof PolicyBody> => ({
    id: row.id,
    group_id: row.groupId,
    resource_id: row.resourceId,
    description: row.description,
    conditions: row.conditions.map(({ condition, settings }) => ({
      condition,
      settings: shownSettings(conditions, condition, settings),
    })),
    is_disabled: row.isDisabled,
    mode: row.mode,
    created_at: timeOf(row.createdAt),
    updated_at: timeOf(row.updatedAt),
  }))

  const insertPolicy = policies.insert(async (ctx) => {
    const body = draft.of(ctx)
    return Promise.resolve({
      groupId: body.group_id,
      resourceId: body.resource_id,
      description: body.description,
      conditions: checkedConditions(conditions, body.conditions, []),
      isDisabled: body.is_disabled,
      mode: body.mode,
    })
  })
  const patchPolicy = policies.patch(async (ctx, tx) => {
    const { group_id, resource_id, description, conditions: list, is_disabled, mode } = patch.of(ctx)
    const before = await existing(tx, 'policies', idOf(ctx))
    return defined({
      groupId: group_id,
      resourceId: resource_id,
      description,
      conditions: list === undefined ? undefined : checkedConditions(conditions, list, before.conditions),
      isDisabled: is_disabled,
      mode,
    })
  })

  const list = listOf('policies', PolicyBody, {
    ...idsIn('groupId'),
    ...idsIn('resourceId'),
    ...oneOf('mode', Mode),
    ...flag('isDisabled'),
    ...hasCondition(),
    ...relatedTo('siteId', 'For a resource of a site'),
    ...relatedTo('actorId', 'For a group with this member'),
  })

  return [
    {
      method: 'GET',
      path: '/policies',
      needs: 'policies:read',
      summary: 'Lists the policies',
      status: 200,
      description: listText('policies'),
      answer: list.answer,
      query: list.query,
      story: policies.list(list),
    },
    {
      method: 'POST',
      path: '/policies',
      needs: 'policies:write',
      summary: 'Creates a policy',
      body: PolicyDraft,
      status: 201,
      answer: PolicyBody,
      story: [draft.read, insertPolicy],
    },
    {
      method: 'GET',
      path: '/policies/:id',
      needs: 'policies:read',
      summary: 'Shows a policy',
      status: 200,
      answer: PolicyBody,
      story: [policies.show],
    },
    {
      method: 'PATCH',
      path: '/policies/:id',
      needs: 'policies:write',
      summary: 'Changes, disables or enables a policy',
      body: PolicyPatch,
      status: 200,
      answer: PolicyBody,
      story: [patch.read, patchPolicy],
    },
    {
      method: 'DELETE',
      path: '/policies/:id',
      needs: 'policies:write',
      query: RemovalQuery,
      summary: 'Removes a policy, and withdraws what it granted',
      status: 204,
      story: [policies.remove()],
    },
  ]
}
