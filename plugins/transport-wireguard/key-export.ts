import { after, type Path, type PeerId } from 'portreeve'
import type { SessionKeys } from './session.ts'
import { REJECT_AFTER_MS } from './timers.ts'
import type { TunnelSide } from './tunnel-side.ts'

type Side = Pick<TunnelSide<unknown>, 'exportsKeys' | 'emit'>

/**
 * Passes one peer's session keys to a lane: all to decrypt with, and the one to encrypt with. Does nothing without a
 * lane.
 */
export class KeyExport {
  readonly #side: Side
  readonly #peer: PeerId
  /** Session index and path that the lane was last told to encrypt with and send to. */
  #aim: { index: number | undefined; path: Path | undefined } = { index: undefined, path: undefined }

  constructor(side: Side, peer: PeerId) {
    this.#side = side
    this.#peer = peer
  }

  install({ localIndex, remoteIndex, sendKey, receiveKey, createdAt }: SessionKeys): void {
    if (!this.#side.exportsKeys) return
    const keys = {
      index: localIndex,
      remoteIndex,
      sendKey: new Uint8Array(sendKey),
      receiveKey: new Uint8Array(receiveKey),
      expiresAt: after(createdAt, REJECT_AFTER_MS),
    }
    this.#side.emit({ type: 'installKeys', peer: this.#peer, keys })
  }

  /** Tells the lane which session and path to send with, if they have changed. */
  use(index: number | undefined, path: Path | undefined): void {
    if (!this.#side.exportsKeys || (index === this.#aim.index && path === this.#aim.path)) return
    this.#aim = { index, path }
    this.#side.emit({ type: 'useKeys', peer: this.#peer, index, path })
  }

  remove(index: number): void {
    if (this.#side.exportsKeys) this.#side.emit({ type: 'removeKeys', peer: this.#peer, index })
  }
}
