import type { Datagram, ReceivedDatagram, DatagramSocket, DatagramSockets } from '../../core/runtime/datagram-socket.ts'
import type { Family } from '../../core/runtime/endpoint.ts'
import { openPerFamily } from './per-family.ts'

export interface PeerSocketsOptions {
  /** Preferred port of both families; if it is taken, the system chooses another. */
  port: number
  mark?: number
  /** Called with received datagrams, whose bytes are borrowed until it returns. */
  onBatch: (batch: readonly ReceivedDatagram[]) => void
  onError: (error: Error) => void
}

/** UDP sockets towards peers: one for each address family of this machine, bound to all addresses. Sends in batches. */
export class PeerSockets {
  readonly #sockets: ReadonlyMap<Family, DatagramSocket>
  readonly #waiting: Record<Family, Datagram[]> = { ipv4: [], ipv6: [] }

  private constructor(sockets: ReadonlyMap<Family, DatagramSocket>) {
    this.#sockets = sockets
  }

  /** Opens the sockets. Rejects if this machine has neither address family. */
  static async open(sockets: DatagramSockets, options: PeerSocketsOptions): Promise<PeerSockets> {
    const opened = await openPerFamily({
      open: (family) => sockets.open({ ...options, family, orAnyPort: true }),
      close: (socket) => socket.close(),
    })
    return new PeerSockets(opened)
  }

  get ports(): { ipv4?: number; ipv6?: number } {
    return Object.fromEntries([...this.#sockets].map(([family, { port }]) => [family, port]))
  }

  /** Queues a datagram until the next `flush`. */
  queue(datagram: Datagram): void {
    this.#waiting[datagram.to.startsWith('[') ? 'ipv6' : 'ipv4'].push(datagram)
  }

  flush(): void {
    for (const family of ['ipv4', 'ipv6'] as const) {
      const batch = this.#waiting[family]
      if (batch.length === 0) continue
      this.#waiting[family] = []
      this.#sockets.get(family)?.send(batch)
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sockets.values()].map((socket) => socket.close()))
  }
}
