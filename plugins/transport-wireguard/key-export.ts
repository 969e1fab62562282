import { after, type Path, type PeerId } from 'portreeve'
import type { SessionKeys } from './session.ts'
import { REJECT_AFTER_MS } from './timers.ts'
import type { TunnelSide } from './tunnel-side.ts'

type Side = Pick<TunnelSide<unknown>, 'exportsKeys' | 'emit'>

/** What a lane is told of one peer's keys: all of them to open with, and which to seal with. Nothing where no lane seals. */
export class KeyExport {
  readonly #side: Side
  readonly #peer: PeerId
  /** What the lane was told to seal with. */
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

  /** Says so only where it changed. */
  use(index: number | undefined, path: Path | undefined): void {
    if (!this.#side.exportsKeys || (index === this.#aim.index && path === this.#aim.path)) return
    this.#aim = { index, path }
    this.#side.emit({ type: 'useKeys', peer: this.#peer, index, path })
  }

  remove(index: number): void {
    if (this.#side.exportsKeys) this.#side.emit({ type: 'removeKeys', peer: this.#peer, index })
  }
}
