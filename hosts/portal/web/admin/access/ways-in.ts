import type { ApiCall } from '../../api/call-api.ts'
import { differenceOf } from '../effect/difference.ts'
import type { Visit } from '../page/admin-parts.ts'
import type { Explained } from './explained.ts'

/** One change that would let a person in, tried by the evaluator. */
export interface WayIn {
  text: string
  /** Others who would gain access by it. */
  also: number
  /** Address of the form that makes the change; undefined where the visitor may not. */
  url: string | undefined
  who: string
}

/** Changes that are tried for one question. */
const MAX_TRIED = 8

/**
 * Finds single changes after which the person may use the resource: joining a group, a policy that is enabled, enforced or
 * without the condition that fails. Each is rehearsed and judged by the evaluator of real requests; what does not help is
 * left out. `facts` are those that the question supposes. The ones by which fewest others gain come first.
 */
export const waysIn = async (visit: Visit, explained: Explained, facts: SupposedFacts): Promise<WayIn[]> => {
  const found: WayIn[] = []
  for (const { text, call, url, needs } of (await candidates(visit, explained)).slice(0, MAX_TRIED)) {
    const { outcome, changes } = await visit.parts.api.rehearse(visit.caller, call)
    if (!outcome.ok) continue
    const difference = await differenceOf(visit, changes, facts)
    const gains = difference?.gains ?? []
    const helps = gains.some(
      ({ actor, resource }) => actor.id === explained.actor.id && resource.id === explained.resource.id,
    )
    if (!helps) continue
    found.push({
      text,
      also: gains.length - 1,
      url: visit.may(needs) ? `${visit.base}${url}` : undefined,
      who: 'an owner or admin',
    })
  }
  return found.toSorted((a, b) => a.also - b.also)
}

/** Values of facts that a question supposes, by name. */
type SupposedFacts = Readonly<Record<string, unknown>>

interface Candidate {
  text: string
  call: ApiCall
  url: string
  needs: 'groups:write' | 'policies:write'
}

const candidates = async ({ parts, caller }: Visit, { policies, actor, groups }: Explained): Promise<Candidate[]> => {
  const reader = parts.store.reader(caller.account.id)
  const mine = new Set(groups.map(({ id }) => id))
  const list = policies.map(async ({ id, group_id: groupId, mode, outcome, conditions }): Promise<Candidate[]> => {
    const group = (await reader.get('groups', groupId))?.name ?? 'its group'
    const edit = `/policies/${id}/edit`
    const patch = (body: object): ApiCall => ({ method: 'PATCH', path: `/policies/${id}`, body })
    if (!mine.has(groupId)) {
      const body = { add: [actor.id] }
      return [
        {
          text: `Add ${actor.name} to the group ${group}`,
          call: { method: 'PATCH', path: `/groups/${groupId}/memberships`, body },
          url: `/groups/${groupId}/members`,
          needs: 'groups:write',
        },
      ]
    }
    if (outcome === 'disabled')
      return [
        {
          text: `Enable the policy for ${group}`,
          call: patch({ is_disabled: false }),
          url: edit,
          needs: 'policies:write',
        },
      ]
    const failing = conditions.filter(({ holds }) => !holds)
    const stored = (await reader.get('policies', id))?.conditions ?? []
    return [
      ...(mode === 'shadow'
        ? [
            {
              text: `Enforce the policy for ${group}`,
              call: patch({ mode: 'enforced' }),
              url: edit,
              needs: 'policies:write' as const,
            },
          ]
        : []),
      ...(failing.length === 1
        ? [
            {
              text: `Change the condition ${failing[0]?.condition ?? ''} of the policy for ${group}: ${failing[0]?.reason ?? ''}`,
              call: patch({ conditions: stored.filter(({ condition }) => condition !== failing[0]?.condition) }),
              url: edit,
              needs: 'policies:write' as const,
            },
          ]
        : []),
    ]
  })
  return (await Promise.all(list)).flat()
}
