import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import type { Clock } from '../../../../core/runtime/clock.ts'
import type { Change, Entities } from '../../store/entities.ts'
import type { Reader, WritableName } from '../../store/store.ts'
import type { PairPosition, Simulation } from '../../explain/simulation.ts'
import { invalidBody } from '../http/problem.ts'
import type { Endpoint, ApiMiddleware } from './endpoint.ts'
import { factsOf, SupposedFacts } from './explain.ts'
import type { ApiParts } from './parts.ts'
import { checkedConditions, PolicyDraft, PolicyPatch } from './policies.ts'
import { jsonBody } from './read-body.ts'
import { resourceChange, ResourcePatch } from './resources.ts'
import { defined, Id, Time, unixTimeOf } from './body-fields.ts'

const Proposal = z.discriminatedUnion('change', [
  z.strictObject({ change: z.literal('create_policy'), policy: PolicyDraft }),
  z.strictObject({ change: z.literal('update_policy'), id: Id, policy: PolicyPatch }),
  z.strictObject({ change: z.literal('remove_policy'), id: Id }),
  z.strictObject({ change: z.literal('add_membership'), group_id: Id, actor_id: Id }),
  z.strictObject({ change: z.literal('remove_membership'), group_id: Id, actor_id: Id }),
  z.strictObject({ change: z.literal('update_resource'), id: Id, resource: ResourcePatch }),
  z.strictObject({ change: z.literal('remove_resource'), id: Id }),
  z.strictObject({ change: z.literal('disable_actor'), id: Id }),
])
type Proposal = z.infer<typeof Proposal>

const CURSOR = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const Cursor = z
  .string()
  .regex(CURSOR, 'is no cursor of this API')
  .transform((text): PairPosition => {
    const [resourceId = '', actorId = ''] = text.split('.')
    return { resourceId, actorId }
  })

const Question = z.strictObject({
  changes: z.array(Proposal).min(1).max(32).describe('Changes to suppose, applied in this order'),
  at: Time.optional().describe('Time at which to judge; the present if left out'),
  ...SupposedFacts,
  limit: z.int().min(1).max(1000).default(100),
  cursor: Cursor.optional().describe('`next_cursor` of the previous page'),
})

const State = z.enum(['none', 'denied', 'allowed'])
const SimulationBody = z
  .object({
    data: z.array(
      z.object({
        effect: z
          .enum(['gains', 'loses', 'appears', 'disappears', 'changes'])
          .describe(
            'gains, loses: access. appears, disappears: the resource exists under conditions that do not hold at that time. changes: access stays, but the resource’s site, address or filters differ',
          ),
        actor: z.object({ id: Id, name: z.string(), email: z.string().nullable() }),
        resource: z.object({ id: Id, name: z.string() }),
        before: State,
        after: State,
        why: z.string().describe('Reason of the state after the changes'),
      }),
    ),
    kept: z.int().describe('Number of pairs examined for this page that keep their access'),
    examined: z.int().describe('Number of pairs of actor and resource examined for this page'),
    concerned: z.int().describe('Number of pairs that the changes may concern'),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'Simulation' })

/** Operation that says who would gain or lose access by supposed changes; it changes nothing. */
export const simulateEndpoints = ({ store, clock, conditions, decisions }: ApiParts): Endpoint[] => {
  const question = jsonBody(Question)
  const simulate: ApiMiddleware = async (ctx) => {
    const { changes, at, limit, cursor, ...supposed } = question.of(ctx)
    const proposed = new Proposed(store.reader(ctx.state.account.id), {
      conditions,
      clock,
      accountId: ctx.state.account.id,
    })
    for (const [index, proposal] of changes.entries()) await proposed.add(proposal, `changes[${index}]`)
    const asked = {
      accountId: ctx.state.account.id,
      changes: proposed.changes,
      at: at === undefined ? undefined : unixTimeOf(at),
      facts: factsOf(supposed),
      after: cursor,
      limit,
    }
    // Other work runs between two slices; the simulation is abandoned if the caller has disconnected.
    const simulation = await decisions.simulate(asked, async () => {
      await setImmediate()
      return !ctx.req.socket.destroyed
    })
    if (simulation !== undefined) ctx.body = toWire(simulation)
  }
  return [
    {
      method: 'POST',
      path: '/policies/simulate',
      needs: 'policies:read',
      summary: 'Says who would gain or lose access by changes, without making them',
      body: Question,
      status: 200,
      answer: SimulationBody,
      story: [question.read, simulate],
    },
  ]
}

const toWire = ({ pairs, kept, examined, concerned, next }: Simulation): z.infer<typeof SimulationBody> => ({
  data: pairs,
  kept,
  examined,
  concerned,
  next_cursor: next === undefined ? null : `${next.resourceId}.${next.actorId}`,
})

/** Converts proposals to changes of rows; each sees the rows as the ones before left them. */
class Proposed {
  readonly changes: Change[] = []
  readonly #reader: Reader
  readonly #known: { conditions: ApiParts['conditions']; clock: Clock; accountId: string }

  constructor(reader: Reader, known: { conditions: ApiParts['conditions']; clock: Clock; accountId: string }) {
    this.#reader = reader
    this.#known = known
  }

  async add(proposal: Proposal, path: string): Promise<void> {
    switch (proposal.change) {
      case 'create_policy':
        return this.#createPolicy(proposal, path)
      case 'update_policy':
        return this.#updatePolicy(proposal, path)
      case 'remove_policy':
        return this.#remove('policies', await this.#row('policies', proposal.id, `${path}.id`))
      case 'add_membership':
        return this.#addMembership(proposal, path)
      case 'remove_membership': {
        const { group_id: groupId, actor_id: actorId } = proposal
        const [row] = await this.#reader.list('memberships', { where: { groupId, actorId }, limit: 1 })
        if (row === undefined) throw invalidBody([{ path, message: 'the actor is no member of the group' }])
        return this.#remove('memberships', row)
      }
      case 'update_resource': {
        const before = await this.#row('resources', proposal.id, `${path}.id`)
        const change = resourceChange(before, proposal.resource)
        if (change.siteId !== undefined) await this.#row('sites', change.siteId, `${path}.resource.site_id`)
        return this.#push({ entity: 'resources', ...this.#of(before), before, after: { ...before, ...change } })
      }
      case 'remove_resource':
        return this.#remove('resources', await this.#row('resources', proposal.id, `${path}.id`))
      case 'disable_actor': {
        const before = await this.#row('actors', proposal.id, `${path}.id`)
        this.#push({ entity: 'actors', ...this.#of(before), before, after: { ...before, isDisabled: true } })
      }
    }
  }

  async #createPolicy({ policy }: Proposal & { change: 'create_policy' }, path: string): Promise<void> {
    const { conditions, clock, accountId } = this.#known
    const after: Entities['policies'] = {
      // An id that no row has: this policy is never stored.
      id: `00000000-0000-4000-8000-${String(this.changes.length).padStart(12, '0')}`,
      accountId,
      groupId: (await this.#row('groups', policy.group_id, `${path}.policy.group_id`)).id,
      resourceId: (await this.#row('resources', policy.resource_id, `${path}.policy.resource_id`)).id,
      description: policy.description,
      conditions: checkedConditions(conditions, policy.conditions, []),
      isDisabled: policy.is_disabled,
      mode: policy.mode,
      createdAt: clock.unix(),
      updatedAt: clock.unix(),
    }
    this.#push({ entity: 'policies', ...this.#of(after), after })
  }

  async #updatePolicy({ id, policy }: Proposal & { change: 'update_policy' }, path: string): Promise<void> {
    const before = await this.#row('policies', id, `${path}.id`)
    const { group_id, resource_id, description, conditions, is_disabled, mode } = policy
    const change = defined({
      groupId: group_id,
      resourceId: resource_id,
      description,
      conditions:
        conditions === undefined ? undefined : checkedConditions(this.#known.conditions, conditions, before.conditions),
      isDisabled: is_disabled,
      mode,
    })
    if (change.groupId !== undefined) await this.#row('groups', change.groupId, `${path}.policy.group_id`)
    if (change.resourceId !== undefined) await this.#row('resources', change.resourceId, `${path}.policy.resource_id`)
    this.#push({ entity: 'policies', ...this.#of(before), before, after: { ...before, ...change } })
  }

  async #addMembership({ group_id, actor_id }: Proposal & { change: 'add_membership' }, path: string): Promise<void> {
    const { clock, accountId } = this.#known
    const group = await this.#row('groups', group_id, `${path}.group_id`)
    const actor = await this.#row('actors', actor_id, `${path}.actor_id`)
    const after = {
      id: `${group.id}.${actor.id}`,
      accountId,
      groupId: group.id,
      actorId: actor.id,
      createdAt: clock.unix(),
      updatedAt: clock.unix(),
    }
    this.#push({ entity: 'memberships', ...this.#of(after), after })
  }

  #remove<Name extends 'policies' | 'memberships' | 'resources'>(entity: Name, before: Entities[Name]): void {
    this.#push({ entity, ...this.#of(before), before } as Change)
  }

  #of({ id }: { id: string }): { id: string; accountId: string } {
    return { id, accountId: this.#known.accountId }
  }

  #push(change: Change): void {
    this.changes.push(change)
  }

  /** Returns a row as the earlier proposals leave it. @throws Problem 422 if there is none */
  async #row<Name extends WritableName>(name: Name, id: string, path: string): Promise<Entities[Name]> {
    const proposed = this.changes.findLast(({ entity, id: of }) => entity === name && of === id)
    const row =
      proposed === undefined ? await this.#reader.get(name, id) : (proposed.after as Entities[Name] | undefined)
    if (row === undefined) throw invalidBody([{ path, message: 'there is no row with this id' }])
    return row
  }
}
