import type { PolicyExplanation, PolicyVerdict } from '../../../../core/policy/policy-verdict.ts'
import type { UnixTime } from '../../../../core/runtime/time.ts'
import type { Hypothesis } from '../../control/explain.ts'
import type { Decision, Store } from '../../store/store.ts'

/** The production evaluator's verdict on a request that nobody made. */
export type ExplainRequest = (hypothesis: Hypothesis) => PolicyVerdict | undefined

export interface About {
  accountId: string
  actorId: string
  at: UnixTime
  /** The address that the browser has now. */
  remoteIp: string
}

/** What one resource is to a person now. */
export interface ResourceAccess {
  name: string
  address: string
  allowed: boolean
  /** In words: why it is allowed or not. */
  reasons: string[]
  until: UnixTime | undefined
}

export interface RecentDenial {
  resource: string
  at: UnixTime
  reason: string
  reasons: string[]
}

const MOST_DENIALS = 20

/** Every resource that a policy of one of her groups is about, with the verdict of this moment. Of others she is told nothing. */
export const accessOf = async (store: Store, explain: ExplainRequest, about: About): Promise<ResourceAccess[]> => {
  const { accountId, actorId, at, remoteIp } = about
  const reader = store.reader(accountId)
  const groupIds = new Set((await reader.list('memberships', { where: { actorId } })).map(({ groupId }) => groupId))
  const policies = (await reader.list('policies', { where: { isDisabled: false } })).filter(({ groupId }) =>
    groupIds.has(groupId),
  )
  const concerned = new Set(policies.map(({ resourceId }) => resourceId))
  const resources = (await reader.list('resources')).filter(({ id }) => concerned.has(id))
  return resources
    .map(({ id: resourceId, name, address, type }) => {
      const verdict = explain({ accountId, actorId, resourceId, facts: { remoteIp }, at })
      return {
        name,
        address: type === 'internet' ? 'the Internet' : (address ?? ''),
        allowed: verdict?.allowed === true,
        reasons: verdict === undefined ? [] : reasonsOf(verdict),
        until: verdict?.allowed === true ? verdict.expiresAt : undefined,
      }
    })
    .toSorted((one, other) => one.name.localeCompare(other.name, 'en'))
}

/** What she was refused lately, and why. */
export const denialsOf = async (store: Store, { accountId, actorId }: About): Promise<RecentDenial[]> => {
  const reader = store.reader(accountId)
  const names = new Map((await reader.list('resources')).map(({ id, name }) => [id, name]))
  const records = await store.decisionsOf(accountId, actorId, 5 * MOST_DENIALS)
  return records
    .map(({ details }) => details as Decision)
    .filter(({ verdict }) => verdict === 'denied')
    .slice(0, MOST_DENIALS)
    .map(({ at, reason, resourceId, details }) => ({
      at,
      // The name only of what she may know of: a request for anything else is answered as for what is not there.
      resource:
        (reason === 'not_found' ? undefined : names.get(resourceId ?? '')) ?? 'something that is not there for you',
      reason: WORDS[reason] ?? reason,
      reasons: explanationOf(details).flatMap(failedConditions),
    }))
}

const WORDS: Readonly<Record<string, string>> = {
  not_found: 'no policy gives you access to it',
  forbidden: 'a condition did not hold',
  offline: 'no gateway of its site was connected',
  version_mismatch: 'no gateway of its site speaks with your client’s version',
  token_expired: 'your sign-in was over',
  disabled: 'it is disabled',
}

/** Only the policies of her own groups: those of others are nobody else's business. */
const reasonsOf = (verdict: PolicyVerdict): string[] => {
  if (!verdict.allowed) return verdict.explanation.flatMap(failedConditions)
  const granting = verdict.explanation.find(({ policyId }) => policyId === verdict.policyId)
  return granting?.conditions.map(({ reason }) => reason) ?? []
}

const failedConditions = ({ outcome, conditions }: PolicyExplanation): string[] =>
  outcome === 'fails' ? conditions.filter(({ holds }) => !holds).map(({ reason }) => reason) : []

/** The explanation within a decision's details, which were JSON. */
const explanationOf = (details: unknown): PolicyExplanation[] => {
  const { policies } = (details ?? {}) as { policies?: unknown }
  return Array.isArray(policies) ? (policies as PolicyExplanation[]) : []
}
