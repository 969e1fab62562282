import type { PluginRow, PolicyRow, Rows } from '../page/api-rows.ts'
import type { Visit } from '../page/admin-parts.ts'
import type { Field, FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import { loadedRow } from '../form/load-row.ts'
import { pickField } from '../form/pick-field.ts'
import { adjustItems, settingsFields, settingsOf, settingsValues } from '../form/settings-fields.ts'

type Schemas = ReadonlyMap<string, { title: string; settings: Record<string, unknown> | null }>

interface PolicyAbout {
  schemas: Schemas
  policy: PolicyRow | undefined
}

const CRUMB = ({ base }: Visit) => ({ text: 'Policies', url: `${base}/policies` })

/** The form for a new policy. */
export const newPolicy: FormDefinition<PolicyAbout> = {
  path: '/policies/new',
  needs: 'policies:write',
  load: async (visit) => ({ row: { schemas: await schemasOf(visit), policy: undefined }, version: undefined }),
  title: () => 'Add a policy',
  crumbs: ({ visit }) => [CRUMB(visit)],
  values: ({ visit: { query } }) =>
    new FormValues({ mode: 'enforced', group_id: query['group_id'] ?? '', resource_id: query['resource_id'] ?? '' }),
  fields: ({ visit, row: { schemas } }, values) => policyFields(visit, schemas, values),
  adjust: (values, { row }) => adjustConditions(values, row.schemas),
  call: ({ row: { schemas } }, values) => ({ method: 'POST', path: '/policies', body: policyBody(values, schemas) }),
  done: () => '/policies',
  verb: (_, values) => (values.one('mode') === 'shadow' ? 'Save as shadow' : 'Save'),
  leave: () => '/policies',
}

/** The form that changes a policy. */
export const editPolicy: FormDefinition<PolicyAbout> = {
  ...newPolicy,
  path: '/policies/:id/edit',
  reading: {
    needs: 'policies:read',
    title: () => 'Policy',
    also: ({ row: { policy } }) => [
      { text: 'Who reaches it now', path: `/resources/${policy?.resource_id ?? ''}` },
      { text: 'Who is in the group', path: `/groups/${policy?.group_id ?? ''}` },
    ],
  },
  load: async (visit) => {
    const { row: policy, version } = await loadedRow<PolicyRow>('/policies')(visit)
    return { row: { schemas: await schemasOf(visit), policy }, version }
  },
  title: () => 'Edit a policy',
  acts: ({ row: { policy } }) => [{ text: 'Delete', path: `/policies/${policy?.id ?? ''}/delete`, isHarm: true }],
  values: ({ row: { policy, schemas } }) => policyValues(policy, schemas),
  call: ({ row: { schemas, policy } }, values) => ({
    method: 'PATCH',
    path: `/policies/${policy?.id ?? ''}`,
    body: policyBody(values, schemas),
  }),
}

/** The page that asks before a policy is deleted. */
export const deletePolicy: FormDefinition<PolicyRow> = {
  path: '/policies/:id/delete',
  needs: 'policies:write',
  load: loadedRow('/policies'),
  title: () => 'Delete this policy?',
  crumbs: ({ visit }) => [CRUMB(visit)],
  values: () => new FormValues({}),
  fields: () => [],
  call: ({ row }) => ({ method: 'DELETE', path: `/policies/${row.id}` }),
  done: () => '/policies',
  verb: () => 'Delete the policy',
  isHarm: true,
  leave: ({ row }) => `/policies/${row.id}/edit`,
}

const schemasOf = async (visit: Visit): Promise<Schemas> =>
  new Map(
    (await visit.get<Rows<PluginRow>>('/plugins')).data.flatMap(({ name, version, provides }) =>
      provides
        .filter(({ point }) => point === 'policy-conditions')
        .map(({ key, settings }) => [key, { title: `${key} (${name} ${version})`, settings }] as const),
    ),
  )

const policyFields = async (visit: Visit, schemas: Schemas, values: FormValues): Promise<Field[]> => [
  await pickField(visit, values, { kind: 'groups', name: 'group_id', label: 'Group', none: 'choose a group' }),
  await pickField(visit, values, {
    kind: 'resources',
    name: 'resource_id',
    label: 'Resource',
    none: 'choose a resource',
  }),
  {
    kind: 'text',
    name: 'description',
    label: 'Description',
    help: 'People see it where they are told why not.',
    isWide: true,
  },
  {
    kind: 'radios',
    name: 'mode',
    label: 'Mode',
    options: [
      { value: 'enforced', text: 'Enforced' },
      { value: 'shadow', text: 'Shadow: judge and record, grant nothing' },
      { value: 'disabled', text: 'Disabled' },
    ],
    path: 'mode',
    isWide: true,
  },
  { kind: 'heading', text: 'Conditions', aside: 'all of them have to hold' },
  ...indicesOf(values).map((index, place): Field => {
    const key = values.one(`c${index}`)
    const schema = schemas.get(key)
    return {
      kind: 'frame',
      legend: schema?.title ?? `${key} (no plugin has it)`,
      remove: { name: 'remove', value: `c.${index}`, text: 'Remove' },
      fields: [
        { kind: 'hidden', name: 'c', label: '', path: '', only: index },
        { kind: 'hidden', name: `c${index}`, label: '', path: '', only: key },
        ...settingsFields(schema?.settings ?? null, {
          prefix: `c${index}`,
          path: `conditions[${place}].settings`,
          values,
        }),
      ],
    }
  }),
  {
    kind: 'adding',
    name: 'kind',
    label: 'Kind of condition',
    options: [...schemas].map(([value, { title }]) => ({ value, text: title })),
    button: 'Add condition',
  },
]

/** Returns the indices of the conditions, each once: the page must not grow faster than what was sent. */
const indicesOf = (values: FormValues): string[] => [...new Set(values.all('c'))]

const adjustConditions = (values: FormValues, schemas: Schemas): FormValues | undefined => {
  if (values.one('add') === '') return adjustItems(values)
  const indices = values.all('c')
  const next = String(Math.max(-1, ...indices.map(Number)) + 1)
  const kind = values.one('kind')
  const defaults = settingsValues(schemas.get(kind)?.settings ?? null, `c${next}`, {})
  return values.with({ ...defaults, c: [...indices, next], [`c${next}`]: kind, add: undefined })
}

const policyBody = (values: FormValues, schemas: Schemas) => {
  const mode = values.one('mode')
  return {
    group_id: values.one('group_id'),
    resource_id: values.one('resource_id'),
    description: values.textOrNull('description'),
    mode: mode === 'shadow' ? 'shadow' : 'enforced',
    is_disabled: mode === 'disabled',
    conditions: indicesOf(values).map((index) => {
      const condition = values.one(`c${index}`)
      return { condition, settings: settingsOf(schemas.get(condition)?.settings ?? null, `c${index}`, values) }
    }),
  }
}

const policyValues = (policy: PolicyRow | undefined, schemas: Schemas): FormValues => {
  if (policy === undefined) return new FormValues({})
  const { conditions } = policy
  return new FormValues({
    group_id: policy.group_id,
    resource_id: policy.resource_id,
    description: policy.description ?? '',
    mode: policy.is_disabled ? 'disabled' : policy.mode,
    c: conditions.map((_, index) => String(index)),
    ...Object.fromEntries(conditions.map(({ condition }, index) => [`c${index}`, condition])),
    ...(Object.assign(
      {},
      ...conditions.map(({ condition, settings }, index) =>
        settingsValues(schemas.get(condition)?.settings ?? null, `c${index}`, settings),
      ),
    ) as Record<string, string>),
  })
}
