import type { PolicyExplanation } from '../../../../core/policy/policy-verdict.ts'
import type { UnixTime } from '../../../../core/runtime/time.ts'
import { personalReason } from '../../wire/denial.ts'
import type { Decision, Store } from '../../store/store.ts'

export interface RecentDenial {
  resource: string
  at: UnixTime
  reason: string
  reasons: string[]
}

const MAX_DENIALS = 20

/** Lists recent denials of requests from a person's clients, with the reasons, from the audit trail. */
export const denialsOf = async (
  store: Store,
  { accountId, actorId }: { accountId: string; actorId: string },
): Promise<RecentDenial[]> => {
  const names = new Map((await store.reader(accountId).list('resources')).map(({ id, name }) => [id, name]))
  const records = await store.decisionsOf(accountId, actorId, 5 * MAX_DENIALS)
  return records
    .map(({ details }) => details as Decision)
    .filter(({ verdict }) => verdict === 'denied')
    .slice(0, MAX_DENIALS)
    .map(({ at, reason, resourceId, details }) => ({
      at,
      // Named only if the person may know of it: any other resource is treated like one that does not exist.
      resource:
        (reason === 'not_found' ? undefined : names.get(resourceId ?? '')) ?? 'a resource that does not exist for you',
      reason: WORDS[reason] ?? reason,
      reasons: explanationOf(details).flatMap(failedConditions),
    }))
}

const WORDS: Readonly<Record<string, string>> = {
  not_found: 'no policy gives you access to it',
  forbidden: 'a condition did not hold',
  offline: 'no gateway of its site was connected',
  version_mismatch: 'no gateway of its site is compatible with your client’s version',
  transport_mismatch: 'no gateway of its site carries packets in the way of your client',
  token_expired: 'your sign-in had expired',
  disabled: 'it is disabled',
}

const failedConditions = ({ outcome, mode, conditions }: PolicyExplanation): string[] =>
  outcome === 'fails' && mode === 'enforced' ? conditions.filter(({ holds }) => !holds).map(personalReason) : []

/** Reads the explanation from a decision's details, which come from JSON. */
const explanationOf = (details: unknown): PolicyExplanation[] => {
  const { policies } = (details ?? {}) as { policies?: unknown }
  return Array.isArray(policies) ? (policies as PolicyExplanation[]) : []
}
