import { sha256 } from '../../../core/crypto/hash.ts'
import { SECOND, unixTime, type UnixTime } from '../../../core/runtime/time.ts'

/** Period of a peer's credentials at relays. */
export interface RelayPeriod {
  /** Time at which the credentials expire, in whole seconds. */
  expiresAt: UnixTime
  /** Time at which the peer is sent new ones: half of the lifetime before. */
  renewAt: UnixTime
}

/**
 * Returns the period that credentials made at a time are for. Their remaining life is between half and all of `lifetimeMs`.
 *
 * A peer's periods begin at times that depend on its id only. So a peer that connects again, even to a portal that was
 * restarted, gets the same credentials and keeps its allocations, and not all peers are sent new ones at once.
 */
export const relayPeriod = (peerId: string, now: UnixTime, lifetimeMs: number): RelayPeriod => {
  const step = Math.max(1, Math.floor(lifetimeMs / 2 / SECOND))
  const hash = sha256(`relay period ${peerId}`)
  const phase = new DataView(hash.buffer, hash.byteOffset, 4).getUint32(0) % step
  const begin = Math.floor((Math.floor(now / SECOND) - phase) / step) * step + phase
  return { renewAt: unixTime((begin + step) * SECOND), expiresAt: unixTime((begin + 2 * step) * SECOND) }
}
