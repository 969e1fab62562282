import type { Instant } from 'portreeve'
import { X25519PrivateKey, X25519_BYTES } from 'portreeve/crypto'
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

/** Handshakes that this end begins with a peer, of which at most one waits for its response. */
export class OwnHandshake<Peer extends RemoteStatic> {
  readonly #side: TunnelSide<Peer>
  readonly #peer: Peer
  #pending: (PendingHandshake & { datagram: Uint8Array; beganAt: Instant }) | undefined

  constructor(side: TunnelSide<Peer>, peer: Peer) {
    this.#side = side
    this.#peer = peer
  }

  /**
   * Begins a handshake in place of a pending one. Returns the initiation, without MACs; undefined, and counted, if it
   * fails.
   */
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

  /**
   * Returns a copy of the pending initiation while it is younger than `INITIATION_COPIED_MS`. A response to either is
   * accepted.
   */
  copy(now: Instant): Uint8Array | undefined {
    if (this.#pending === undefined || now - this.#pending.beganAt >= INITIATION_COPIED_MS) return undefined
    return new Uint8Array(this.#pending.datagram)
  }

  /** Completes the handshake by its response and returns the session's keys; undefined, and counted, if it fails. */
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

/** Returns a new ephemeral key. */
export const freshKey = ({ random }: Pick<TunnelSide<unknown>, 'random'>): X25519PrivateKey =>
  new X25519PrivateKey(random.bytes(X25519_BYTES))
