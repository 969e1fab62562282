import { PolicyIndex } from '../../../core/policy/policy-index.ts'
import type { Change, Entities, EntityName, Membership } from '../store/entities.ts'
import { MultiMap } from './multi-map.ts'
import type { View } from './view.ts'

/**
 * View of the rows as supposed changes would leave them, laid over the real view, which stays unchanged. Only answers
 * questions about resources that the changes concern: it has no other policies.
 */
export class SupposedView implements Pick<View, 'get' | 'groupsOf' | 'policies'> {
  readonly policies: PolicyIndex
  /** Ids of resources that the changes concern. */
  readonly resourceIds = new Set<string>()
  readonly #view: View
  readonly #rows = new Map<string, Entities[EntityName] | undefined>()
  readonly #joined = new MultiMap<string, string>()
  readonly #left = new MultiMap<string, string>()

  constructor(view: View, changes: readonly Change[]) {
    this.#view = view
    this.policies = new PolicyIndex(view.conditions)
    for (const change of changes) this.#note(change)
    for (const resourceId of this.resourceIds) this.policies.share(view.policies, resourceId)
    for (const change of changes) {
      if (change.entity !== 'policies') continue
      if (change.after === undefined) this.policies.remove(change.id)
      else this.policies.put(change.after)
    }
  }

  get<Name extends EntityName>(name: Name, id: string): Entities[Name] | undefined {
    const key = `${name}:${id}`
    return this.#rows.has(key) ? (this.#rows.get(key) as Entities[Name] | undefined) : this.#view.get(name, id)
  }

  groupsOf(actorId: string): ReadonlySet<string> {
    const [left, joined] = [this.#left.get(actorId), this.#joined.get(actorId)]
    if (left.size === 0 && joined.size === 0) return this.#view.groupsOf(actorId)
    const groups = new Set(this.#view.groupsOf(actorId))
    for (const groupId of left) groups.delete(groupId)
    for (const groupId of joined) groups.add(groupId)
    return groups
  }

  #note(change: Change): void {
    this.#rows.set(`${change.entity}:${change.id}`, change.after)
    const { policies } = this.#view
    if (change.entity === 'policies') {
      for (const rule of [change.before, change.after]) if (rule !== undefined) this.resourceIds.add(rule.resourceId)
    } else if (change.entity === 'resources') {
      this.resourceIds.add(change.id)
    } else if (change.entity === 'actors') {
      for (const id of policies.resourcesOf(this.#view.groupsOf(change.id))) this.resourceIds.add(id)
    } else if (change.entity === 'memberships') {
      const resourceIds = groupsIn(change).flatMap((groupId) => [...policies.resourcesOfGroup(groupId)])
      for (const id of resourceIds) this.resourceIds.add(id)
      if (change.before !== undefined) move(change.before, { from: this.#joined, to: this.#left })
      if (change.after !== undefined) move(change.after, { from: this.#left, to: this.#joined })
    }
  }
}

const groupsIn = ({ before, after }: Change & { entity: 'memberships' }): string[] =>
  [before?.groupId, after?.groupId].flatMap((id) => id ?? [])

const move = (
  { actorId, groupId }: Membership,
  { from, to }: { from: MultiMap<string, string>; to: MultiMap<string, string> },
): void => {
  from.delete(actorId, groupId)
  to.add(actorId, groupId)
}
