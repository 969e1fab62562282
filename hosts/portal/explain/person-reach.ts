import type { Answers } from '../../../core/policy/hearing.ts'
import type { Instant } from '../../../core/runtime/time.ts'
import type { SupposedValues } from '../decide/request-facts.ts'
import type { Knowledge } from '../grants/knowledge.ts'
import type { Resource } from '../store/entities.ts'
import { judgedState, type JudgedState } from './pair-state.ts'

/** Access of a person to one resource that exists for that person, in words for admins. */
export interface PersonReach extends JudgedState {
  resource: Pick<Resource, 'id' | 'name' | 'address'>
}

/** Question what a person may use at present. */
export interface ReachQuestion {
  accountId: string
  actorId: string
  /** Values of facts to suppose for each of the person's devices, by name; they override known ones. */
  facts?: SupposedValues
}

/** Lists what a person may use at present, and why, by what is known of the person's devices; sorted by name. */
export const reachOfPerson = (
  known: Knowledge,
  { accountId, actorId, facts }: ReachQuestion,
  now: Instant,
  answers?: Answers,
): PersonReach[] => {
  const { view } = known
  if (view.get('actors', actorId)?.accountId !== accountId) return []
  return [...view.policies.resourcesOf(view.groupsOf(actorId))]
    .flatMap((id) => view.get('resources', id) ?? [])
    .filter((resource) => resource.accountId === accountId)
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .map(({ id, name, address }) => ({
      resource: { id, name, address },
      ...judgedState(known, { accountId, actorId, resourceId: id, facts, from: view }, now, answers),
    }))
}
