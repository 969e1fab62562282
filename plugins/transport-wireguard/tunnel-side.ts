import type { Deadline, Instant, Random, TunnelOutput } from 'portreeve'
import type { Identity } from './identity.ts'
import type { IndexTable } from './index-table.ts'
import type { Session } from './session.ts'
import type { RekeyPace } from './timers.ts'

/** Owner of an index: a session of a peer, or its pending handshake if `session` is absent. */
export interface IndexOwner<Peer> {
  readonly peer: Peer
  readonly session?: Session
}

/** Parts of a tunnel that all its peers share. */
export interface TunnelSide<Peer> {
  readonly identity: Identity
  readonly random: Random
  readonly indices: IndexTable<IndexOwner<Peer>>
  readonly pace: RekeyPace
  /** Whether a lane encrypts and decrypts data messages; handshakes and timers stay here. */
  readonly exportsKeys: boolean
  /** Returns a TAI64N timestamp later than all before. */
  timestamp: (now: Instant) => Uint8Array
  emit: (output: TunnelOutput) => void
  drop: (reason: string) => void
  armed: (peer: Peer, deadline: Deadline) => void
}
