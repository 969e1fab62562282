import type { Answers } from '../../../core/policy/hearing.ts'
import type { Instant } from '../../../core/runtime/time.ts'
import type { Knowledge } from '../grants/knowledge.ts'
import type { Resource } from '../store/entities.ts'
import { judgedState, type JudgedState } from './pair-state.ts'

/** Access of a person to one resource that exists for that person, in words for admins. */
export interface PersonReach extends JudgedState {
  resource: Pick<Resource, 'id' | 'name' | 'address'>
}

/** Lists what a person may use at present, and why, by what is known of the person's devices; sorted by name. */
export const reachOfPerson = (
  known: Knowledge,
  { accountId, actorId }: { accountId: string; actorId: string },
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
      ...judgedState(known, { accountId, actorId, resourceId: id, from: view }, now, answers),
    }))
}
