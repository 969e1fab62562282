import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { PairChange, PairPosition, SimulationQuestion } from '../../../explain/simulation.ts'
import type { Change, EntityName } from '../../../store/entities.ts'
import { rowName } from '../../../store/row-name.ts'
import type { Visit } from '../page/admin-parts.ts'

/** Effect of changes on access, and the rows that they remove. */
export interface Difference {
  loses: readonly EffectLine[]
  gains: readonly EffectLine[]
  /** Pairs whose resource comes into being, or goes, under conditions that do not hold at present. */
  notNow: readonly EffectLine[]
  /** Pairs whose access leads elsewhere than before. */
  changes: readonly EffectLine[]
  kept: number
  /** Rows that go along, by kind. */
  removed: readonly { kind: EntityName; names: readonly string[] }[]
  /** Whether all pairs concerned were judged; otherwise the numbers are of those that were. */
  isWhole: boolean
  /** Number of pairs concerned. */
  concerned: number
  /** Names this difference: another one has another digest. */
  digest: string
}

export interface EffectLine extends Pick<PairChange, 'actor' | 'resource' | 'why'> {
  /** Whether a device of the person is connected and uses the resource. */
  isConnected: boolean
}

/** Pairs judged before a page gives up; a page waits some seconds for so many. */
const MAX_PAIRS = 200_000
const PAGE = 1_000

/**
 * Judges what changes would do, at present or with supposed values of facts. Undefined where the visitor left meanwhile.
 */
export const differenceOf = async (
  visit: Visit,
  changes: readonly Change[],
  facts: SimulationQuestion['facts'] = {},
): Promise<Difference | undefined> => {
  const { parts, caller, ctx } = visit
  const found: PairChange[] = []
  let [kept, examined, concerned] = [0, 0, 0]
  let after: PairPosition | undefined
  do {
    const simulation = await parts.decisions.simulate(
      { accountId: caller.account.id, changes, facts, after, limit: PAGE },
      async () => {
        await setImmediate()
        return !ctx.req.socket.destroyed
      },
    )
    if (simulation === undefined) return undefined
    found.push(...simulation.pairs)
    kept += simulation.kept
    examined += simulation.examined
    concerned = simulation.concerned
    after = simulation.next
  } while (after !== undefined && examined < MAX_PAIRS)
  return differenceFrom(visit, { pairs: found, kept, concerned, isWhole: after === undefined }, changes)
}

/** Sorts the pairs that changes alter by what becomes of them. */
export const differenceFrom = async (
  visit: Visit,
  {
    pairs: found,
    kept,
    concerned,
    isWhole,
  }: Pick<Difference, 'kept' | 'concerned' | 'isWhole'> & { pairs: readonly PairChange[] },
  changes: readonly Change[],
): Promise<Difference> => {
  const users = await usersNow(visit, found)
  const lines = (...effects: readonly PairChange['effect'][]) =>
    found
      .filter(({ effect }) => effects.includes(effect))
      .map(({ actor, resource, why }) => ({
        actor,
        resource,
        why,
        isConnected: users.has(`${actor.id} ${resource.id}`),
      }))
      .toSorted((a, b) => a.actor.name.localeCompare(b.actor.name) || a.resource.name.localeCompare(b.resource.name))
  return {
    loses: lines('loses'),
    gains: lines('gains'),
    notNow: lines('appears', 'disappears'),
    changes: lines('changes'),
    kept,
    removed: removedBy(changes),
    isWhole,
    concerned,
    digest: digestOf(found, changes),
  }
}

/** Returns a difference whose digest names the state of what it is about, too. */
export const sealedBy = (seal: string | undefined, difference: Difference | undefined): Difference | undefined =>
  difference === undefined || seal === undefined
    ? difference
    : {
        ...difference,
        digest: createHash('sha256').update(`${difference.digest} ${seal}`).digest('base64url').slice(0, 22),
      }

/** Whether a difference shows nothing that a person has to look at before it is saved. */
export const isQuiet = ({ loses, gains, notNow, changes, removed, isWhole }: Difference): boolean =>
  isWhole && [loses, gains, notNow, changes, removed].every(({ length }) => length === 0)

/** Returns the pairs of actor and resource in use at present, of those whose access changes. */
const usersNow = async ({ parts, caller }: Visit, pairs: readonly PairChange[]): Promise<ReadonlySet<string>> => {
  const reader = parts.store.reader(caller.account.id)
  const resourceIds = new Set(pairs.filter(({ before }) => before === 'allowed').map(({ resource }) => resource.id))
  const isMany = resourceIds.size > MANY_RESOURCES
  const lists = isMany
    ? [await reader.list('authorizations')]
    : await Promise.all([...resourceIds].map((resourceId) => reader.list('authorizations', { where: { resourceId } })))
  const users = new Set<string>()
  for (const { clientId, resourceId } of lists.flat()) {
    if (!resourceIds.has(resourceId) || !parts.isConnected(clientId)) continue
    const client = await reader.get('clients', clientId)
    if (client !== undefined) users.add(`${client.actorId} ${resourceId}`)
  }
  return users
}

/** Number of resources from which on one question for all is cheaper than one for each. */
const MANY_RESOURCES = 20

/** Kinds of rows that people know by a name, or that matter to them when they go. */
const SHOWN_KINDS = new Set<EntityName>([
  'actors',
  'groups',
  'clients',
  'sites',
  'gateways',
  'resources',
  'policies',
  'tokens',
  'identity_providers',
  'identities',
])

/** Lists the rows that are removed, without the kinds that only join others. */
const removedBy = (changes: readonly Change[]): Difference['removed'] => {
  const names = new Map<EntityName, string[]>()
  for (const { entity, after, before } of changes) {
    if (after !== undefined || !SHOWN_KINDS.has(entity)) continue
    names.set(entity, [...(names.get(entity) ?? []), rowName(before)])
  }
  return [...names].map(([kind, list]) => ({ kind, names: list }))
}

/** Ids of rows that a rehearsal makes are new each time, and so are no part of the digest: their names stand for them. */
const digestOf = (pairs: readonly PairChange[], changes: readonly Change[]): string => {
  const made = new Set(changes.filter(({ before }) => before === undefined).map(({ id }) => id))
  const keyOf = ({ id, name }: { id: string; name: string }) => (made.has(id) ? name : id)
  const effects = pairs.map(({ effect, actor, resource }) => `${effect} ${keyOf(actor)} ${keyOf(resource)}`).toSorted()
  const removed = changes.filter(({ after }) => after === undefined).map(({ entity, id }) => `${entity} ${id}`)
  return createHash('sha256')
    .update(JSON.stringify([effects, removed.toSorted()]))
    .digest('base64url')
    .slice(0, 22)
}
