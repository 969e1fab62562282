import type { Deadline, Instant, Random, TunnelOutput } from 'portreeve'
import type { Identity } from './identity.ts'
import type { IndexTable } from './index-table.ts'
import type { Session } from './session.ts'
import type { RekeyPace } from './timers.ts'

/** What an index stands for: a session, or a handshake that waits for its answer. */
export interface IndexOwner<Peer> {
  readonly peer: Peer
  readonly session?: Session
}

/** What a peer shares with the others of its tunnel. */
export interface TunnelSide<Peer> {
  readonly identity: Identity
  readonly random: Random
  readonly indices: IndexTable<IndexOwner<Peer>>
  readonly pace: RekeyPace
  /** A lane seals and opens; here are only the handshakes and the timers. */
  readonly exportsKeys: boolean
  /** A label later than every one before. */
  timestamp: (now: Instant) => Uint8Array
  emit: (output: TunnelOutput) => void
  drop: (reason: string) => void
  armed: (peer: Peer, deadline: Deadline) => void
}
