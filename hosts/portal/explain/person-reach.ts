import type { Answers } from '../../../core/policy/hearing.ts'
import type { Instant } from '../../../core/runtime/time.ts'
import type { SupposedValues } from '../decide/request-facts.ts'
import type { Knowledge } from '../grants/knowledge.ts'
import type { Resource } from '../store/entities.ts'
import { PersonJudge, type JudgedState } from './pair-state.ts'

/** Question what a person may use at present. */
export interface ReachQuestion {
  accountId: string
  actorId: string
  /** Resource to judge; all that exist for the person if absent. */
  resourceId?: string
  /** Number of resources to judge at most. */
  most?: number
  /** Values of facts to suppose for each of the person's devices, by name; they override known ones. */
  facts?: SupposedValues | undefined
}

/** Access of a person, in words for admins. */
export interface PersonReach {
  /** Judged access to single resources, sorted by name. */
  access: ResourceReach[]
  /** Number of resources that exist for the person; those beyond the question's `most` were not judged. */
  total: number
}

/** Access of a person to one resource that exists for that person. */
export interface ResourceReach extends JudgedState {
  resource: Pick<Resource, 'id' | 'name' | 'address'>
}

/** Judges what a person may use at present, and why, by what is known of the person's devices. */
export const reachOfPerson = (
  known: Knowledge,
  { accountId, actorId, resourceId, most = Infinity, facts }: ReachQuestion,
  now: Instant,
  answers?: Answers,
): PersonReach => {
  const { view } = known
  if (view.get('actors', actorId)?.accountId !== accountId) return { access: [], total: 0 }
  const groups = view.groupsOf(actorId)
  const all =
    resourceId === undefined
      ? [...view.policies.resourcesOf(groups)]
      : [...view.policies.groupsOf(resourceId)].some((id) => groups.has(id))
        ? [resourceId]
        : []
  const resources = all
    .slice(0, most)
    .flatMap((id) => view.get('resources', id) ?? [])
    .toSorted((a, b) => BY_NAME.compare(a.name, b.name))
  const judge = new PersonJudge(known, { accountId, actorId, facts }, now)
  const access = resources.map(({ id, name, address }) => ({
    resource: { id, name, address },
    ...judge.state({ resourceId: id, from: view }, answers),
  }))
  return { access, total: all.length }
}

const BY_NAME = new Intl.Collator()
