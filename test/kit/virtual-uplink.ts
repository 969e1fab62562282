import type { TunnelTransport } from '../../core/contract/tunnel-transport.ts'
import { externalId } from '../../core/crypto/external-id.ts'
import { toBase64 } from '../../core/crypto/text-encoding.ts'
import type { DatagramSocket } from '../../core/runtime/datagram-socket.ts'
import type { Family } from '../../core/runtime/endpoint.ts'
import type { PeerInput, PeerOutput } from '../../hosts/peer/peer-messages.ts'
import type { VirtualControlChannel } from './virtual-control-channel.ts'
import type { VirtualHost, VirtualNetwork } from './virtual-network.ts'

export interface VirtualPeerOptions {
  network: VirtualNetwork
  host: VirtualHost
  channel: VirtualControlChannel
  transport: TunnelTransport
  token: string
  name: string
  /** Number of the process, counted over restarts: each has other keys. */
  incarnation?: number
}

/** Inputs of a peer's machine that come from its uplink, of either role. */
export type UplinkEvent = Extract<
  PeerInput<'client' | 'gateway'>,
  { type: `connection${string}` | 'frameReceived' | 'socketsOpened' | 'datagramsReceived' }
>

/** Outputs of a peer's machine that its uplink carries out. */
export type UplinkWish = Extract<
  PeerOutput<'client' | 'gateway'>,
  { type: 'openConnection' | 'closeConnection' | 'sendText' | 'sendDatagram' }
>

export interface UplinkOptions {
  role: 'client' | 'gateway'
  userAgent: string
  publicKey: Uint8Array
  tell: (event: UplinkEvent) => void
}

const PORT = 52_625

/** A peer's sockets in the virtual network, and its connection to the portal. */
export class VirtualUplink {
  readonly #peer: VirtualPeerOptions
  readonly #options: UplinkOptions
  readonly #sockets = new Map<Family, DatagramSocket>()
  #connection: { send: (text: string) => void; close: () => void } | undefined

  constructor(peer: VirtualPeerOptions, options: UplinkOptions) {
    this.#peer = peer
    this.#options = options
  }

  /** Binds the sockets. */
  open(): void {
    const { tell, role } = this.#options
    const ports: { ipv4?: number; ipv6?: number } = {}
    for (const family of ['ipv4', 'ipv6'] as const) {
      const socket = this.#peer.host.bind({
        family,
        port: PORT,
        orAnyPort: role === 'client',
        onBatch: (datagrams) => tell({ type: 'datagramsReceived', datagrams }),
        onError: () => undefined,
      })
      this.#sockets.set(family, socket)
      ports[family] = socket.port
    }
    tell({ type: 'socketsOpened', ports })
  }

  perform(wish: UplinkWish): void {
    switch (wish.type) {
      case 'openConnection':
        this.#connection = this.#connect()
        return
      case 'closeConnection':
        this.#connection?.close()
        return
      case 'sendText':
        this.#connection?.send(wish.text)
        return
      case 'sendDatagram':
        this.#sockets.get(wish.to.startsWith('[') ? 'ipv6' : 'ipv4')?.send([wish])
    }
  }

  /** Ends the connection to the portal, as a fault of the network does. */
  loseConnection(): void {
    this.#connection?.close()
    this.#options.tell({ type: 'connectionClosed' })
  }

  /** Closes sockets and connection, as a kernel does when a process ends. */
  close(): void {
    this.#connection?.close()
    for (const socket of this.#sockets.values()) void socket.close()
  }

  #connect() {
    const { channel, host, token, name } = this.#peer
    const { role, userAgent, publicKey, tell } = this.#options
    return channel.connect(
      host,
      { role, token, name, externalId: externalId(name), publicKey: toBase64(publicKey), userAgent },
      {
        opened: () => tell({ type: 'connectionOpened' }),
        refused: (status, code) => tell({ type: 'connectionRefused', status, code }),
        received: (text) => tell({ type: 'frameReceived', text }),
        closed: () => tell({ type: 'connectionClosed' }),
      },
    )
  }
}
