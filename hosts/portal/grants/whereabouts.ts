import type { UnixTime } from '../../../core/runtime/time.ts'
import type { Place } from '../decide/request-facts.ts'

/**
 * Last known address and user agent of each client, and what it says of its machine, by id; kept after its connection ends, because its grants may be
 * judged again.
 */
export type Whereabouts = Map<string, Place>

/** Returns the place of a client that has connected. What is as it was before keeps its age. */
export const placeAfter = (
  known: Place | undefined,
  { remoteIp, userAgent }: { remoteIp: string; userAgent: string },
  at: UnixTime,
): Place => ({
  remoteIp,
  userAgent,
  since: known?.remoteIp === remoteIp ? known.since : at,
  userAgentSince: known?.userAgent === userAgent ? known.userAgentSince : at,
  ...(known?.said && { said: known.said }),
})
