import type { LinkRole, ToPortal } from './messages.ts'

/** Events that add the candidates which the event named as key takes back. */
const ADDS: Readonly<Record<string, string>> = {
  invalidateGatewayIceCandidates: 'newGatewayIceCandidates',
  broadcastInvalidatedIceCandidates: 'broadcastIceCandidates',
}

interface CandidateMessage {
  event: string
  payload: { candidates: readonly string[]; gateway_id?: string; client_ids?: readonly string[] }
}

/**
 * Leaves out of held messages the removals of candidates that a later one adds again for the same peers. A machine that was
 * without a network and has its address again would otherwise end the path that is in use on it already.
 */
export const withoutOutdatedRemovals = <R extends LinkRole>(messages: readonly ToPortal<R>[]): ToPortal<R>[] =>
  messages.flatMap((message, at) => {
    if (!isRemoval(message)) return [message]
    const later = messages.slice(at + 1).filter((one) => addsAgain(one, message))
    const added = new Set(later.flatMap((one) => (hasCandidates(one) ? one.payload.candidates : [])))
    const candidates = message.payload.candidates.filter((candidate) => !added.has(candidate))
    return candidates.length === 0 ? [] : [{ ...message, payload: { ...message.payload, candidates } }]
  })

const hasCandidates = <M extends { event: string }>(message: M): message is M & CandidateMessage =>
  Object.entries(ADDS).flat().includes(message.event)

const isRemoval = <M extends { event: string }>(message: M): message is M & CandidateMessage => message.event in ADDS

const addsAgain = (message: { event: string }, { event, payload }: CandidateMessage): boolean =>
  hasCandidates(message) &&
  message.event === ADDS[event] &&
  message.payload.gateway_id === payload.gateway_id &&
  (payload.client_ids ?? []).every((id) => message.payload.client_ids?.includes(id))
