import { X25519PrivateKey, X25519_BYTES, type Instant } from 'portreeve'
import {
  readResponse,
  writeInitiation,
  type PendingHandshake,
  type RemoteStatic,
  type SessionSecrets,
} from './handshake.ts'
import type { Response } from './messages.ts'
import { INITIATION_COPIED_MS } from './timers.ts'
import type { TunnelSide } from './tunnel-side.ts'

/** The handshake that we began with a peer: one at most waits for its answer. */
export class OwnHandshake<Peer extends RemoteStatic> {
  readonly #side: TunnelSide<Peer>
  readonly #peer: Peer
  #pending: (PendingHandshake & { datagram: Uint8Array; beganAt: Instant }) | undefined

  constructor(side: TunnelSide<Peer>, peer: Peer) {
    this.#side = side
    this.#peer = peer
  }

  /** An initiation, whose macs the caller sets, in place of the one before; undefined with a counted reason. */
  begin(now: Instant): Uint8Array | undefined {
    this.abandon()
    const sender = this.#side.indices.claim({ peer: this.#peer })
    const written = writeInitiation({
      local: this.#side.identity.key,
      remote: this.#peer,
      ephemeral: freshKey(this.#side),
      timestamp: this.#side.timestamp(now),
      sender,
    })
    if ('refused' in written) {
      this.#side.indices.release(sender)
      this.#side.drop(written.refused)
      return undefined
    }
    this.#pending = { ...written.pending, datagram: written.datagram, beganAt: now }
    return written.datagram
  }

  /** The initiation that waits for its answer, once more with its macs, while it is young. An answer to either copy is taken. */
  copy(now: Instant): Uint8Array | undefined {
    if (this.#pending === undefined || now - this.#pending.beganAt >= INITIATION_COPIED_MS) return undefined
    return new Uint8Array(this.#pending.datagram)
  }

  /** The session's keys by its answer, whose receiver index is the session's from then on; undefined with a counted reason. */
  finish(message: Response): SessionSecrets | undefined {
    if (this.#pending?.sender !== message.receiver) {
      this.#side.drop('unknown-index')
      return undefined
    }
    const read = readResponse(message, this.#pending, { local: this.#side.identity.key, remote: this.#peer })
    if (read.type === 'refused') {
      this.#side.drop(read.reason)
      return undefined
    }
    this.#pending = undefined
    return read.secrets
  }

  abandon(): void {
    if (this.#pending !== undefined) this.#side.indices.release(this.#pending.sender)
    this.#pending = undefined
  }
}

/** An ephemeral key for one handshake. */
export const freshKey = ({ random }: Pick<TunnelSide<unknown>, 'random'>): X25519PrivateKey =>
  new X25519PrivateKey(random.bytes(X25519_BYTES))
