import type { ToPortal } from '../../core/control/messages.ts'
import type { CandidateChange } from '../../core/ice/local-candidates.ts'

/** Most clients that one message may name. */
const MAX_CLIENTS = 1_024

/** Makes the messages that tell clients of changed candidates: withdrawals first, in as many messages as it takes. */
export const candidateBroadcasts = (
  clientIds: readonly string[],
  { added, removed }: CandidateChange,
): ToPortal<'gateway'>[] => {
  const messages: ToPortal<'gateway'>[] = []
  for (let from = 0; from < clientIds.length; from += MAX_CLIENTS) {
    const client_ids = clientIds.slice(from, from + MAX_CLIENTS)
    if (removed.length > 0) {
      messages.push({ event: 'broadcastInvalidatedIceCandidates', payload: { client_ids, candidates: [...removed] } })
    }
    if (added.length > 0) {
      messages.push({ event: 'broadcastIceCandidates', payload: { client_ids, candidates: [...added] } })
    }
  }
  return messages
}
