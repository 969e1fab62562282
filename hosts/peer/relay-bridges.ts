import type { DatagramSocket, DatagramSockets } from '../../core/runtime/datagram-socket.ts'
import { endpoint, type Endpoint, type Family } from '../../core/runtime/endpoint.ts'
import type { WebSocketConnection, WebSockets } from '../../core/runtime/web-socket.ts'
import { WaitingDatagrams } from '../../core/turn/waiting-datagrams.ts'
import { Gathered } from '../runtime/gathered.ts'

export interface RelayBridgesOptions {
  webSockets: WebSockets
  sockets: DatagramSockets
  /** SO_MARK of the WebSockets. */
  mark?: number
  userAgent: string
  /** Returns the port of the peer's own UDP socket of a family. */
  portOf: (family: Family) => number | undefined
  /** Called when a WebSocket is open, and when it has ended or was not opened. */
  tell: (
    input: { type: 'socketOpened'; url: string; endpoint: Endpoint } | { type: 'socketClosed'; url: string },
  ) => void
}

const LOOPBACK = { ipv4: '127.0.0.1', ipv6: '::1' } as const
/** Longest message of a relay, as its own bound is for those of clients. */
const MAX_MESSAGE_BYTES = 9_216
/** Most bytes that wait in a WebSocket; what comes then waits in a queue that drops the oldest. */
const MAX_WAITING_BYTES = 256 * 1_024
/** Most datagrams that wait there: a burst of the kernel's, as a lane sends them. */
const MAX_WAITING_DATAGRAMS = 1_024

/**
 * WebSockets to relays, for a network that lets no UDP through. Each is a UDP socket on the loopback address for the rest
 * of this host, so that lanes and relay clients send to it as to any other relay.
 */
export class RelayBridges {
  readonly #options: RelayBridgesOptions
  readonly #bridges = new Map<string, Bridge>()

  constructor(options: RelayBridgesOptions) {
    this.#options = options
  }

  /** Opens a WebSocket, and with it a UDP socket of a family. */
  open({ url, family }: { url: string; family: Family }): void {
    const { tell } = this.#options
    this.close(url)
    const bridge = new Bridge(url, family, {
      ...this.#options,
      opened: (local) => tell({ type: 'socketOpened', url, endpoint: local }),
      ended: () => {
        if (this.#bridges.get(url) !== bridge) return
        this.#bridges.delete(url)
        tell({ type: 'socketClosed', url })
      },
    })
    this.#bridges.set(url, bridge)
  }

  close(url: string): void {
    const bridge = this.#bridges.get(url)
    this.#bridges.delete(url)
    bridge?.close()
  }

  closeAll(): void {
    for (const url of this.#bridges.keys()) this.close(url)
  }
}

interface BridgeOptions extends RelayBridgesOptions {
  opened: (local: Endpoint) => void
  ended: () => void
}

class Bridge {
  readonly #options: BridgeOptions
  readonly #connection: WebSocketConnection
  readonly #waiting = new WaitingDatagrams<'relay'>({ maxPerReceiver: MAX_WAITING_DATAGRAMS })
  readonly #arrived: Gathered<Uint8Array>
  #socket: DatagramSocket | undefined
  #isOver = false

  constructor(url: string, family: Family, options: BridgeOptions) {
    this.#options = options
    const { webSockets, mark, userAgent, portOf } = options
    this.#arrived = new Gathered((messages) => {
      const port = portOf(family)
      if (port === undefined) return
      const to = endpoint(LOOPBACK[family], port)
      this.#socket?.send(messages.map((bytes) => ({ to, bytes })))
    })
    this.#connection = webSockets.connect(
      {
        url,
        headers: { 'User-Agent': userAgent },
        ...(mark === undefined ? {} : { mark }),
        maxBytes: MAX_MESSAGE_BYTES,
      },
      {
        opened: () => void this.#bind(family),
        refused: () => this.#end(),
        received: () => undefined,
        receivedBytes: (messages) => this.#arrived.add(...messages),
        drained: () => this.#sendWaiting(),
        closed: () => this.#end(),
      },
    )
  }

  close(): void {
    this.#isOver = true
    this.#connection.close()
    void this.#socket?.close()
  }

  #end(): void {
    if (this.#isOver) return
    this.close()
    this.#options.ended()
  }

  async #bind(family: Family): Promise<void> {
    const { sockets, portOf, opened } = this.#options
    try {
      const socket = await sockets.open({
        family,
        port: 0,
        address: LOOPBACK[family],
        onBatch: (batch) => {
          const own = portOf(family)
          // Other programs of this machine may send to the socket, too.
          const from = own === undefined ? undefined : endpoint(LOOPBACK[family], own)
          for (const datagram of batch) if (datagram.from === from) this.#send(datagram.bytes)
        },
        onError: () => this.#end(),
      })
      if (this.#isOver) return void socket.close()
      this.#socket = socket
      opened(endpoint(LOOPBACK[family], socket.port))
    } catch {
      this.#end()
    }
  }

  #send(bytes: Uint8Array): void {
    if (this.#waiting.isEmpty && this.#connection.waitingBytes() <= MAX_WAITING_BYTES) {
      return this.#connection.sendBytes(bytes)
    }
    this.#waiting.add('relay', new Uint8Array(bytes))
  }

  #sendWaiting(): void {
    this.#waiting.flushOf('relay', (bytes) => {
      if (this.#connection.waitingBytes() > MAX_WAITING_BYTES) return false
      this.#connection.sendBytes(bytes)
      return true
    })
  }
}
