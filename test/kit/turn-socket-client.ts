import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { endpoint, splitEndpoint, type Endpoint, type Family } from '../../core/runtime/endpoint.ts'
import { readXorAddress, uint32Attribute, xorAddressAttribute } from '../../core/stun/stun-attributes.ts'
import { encodeChannelData, looksLikeChannelData } from '../../core/turn/channel-data.ts'
import {
  ALLOCATE,
  CHANNEL_BIND,
  channelAttribute,
  familyAttribute,
  LIFETIME,
  REFRESH,
  REQUESTED_ADDRESS_FAMILY,
  requestedUdp,
  XOR_PEER_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from '../../core/turn/turn-attributes.ts'
import { TurnClient, type Answer, type Attributes } from './turn-bench.ts'

/** A TURN client on a UDP socket of its own. */
export class TurnSocketClient {
  readonly socket: Socket
  readonly #server: { address: string; port: number }
  readonly #client: TurnClient
  readonly #messages: Uint8Array[] = []
  #heard: (() => void) | undefined

  private constructor(socket: Socket, server: Endpoint, client: TurnClient) {
    this.socket = socket
    this.#client = client
    this.#server = splitEndpoint(server) ?? { address: '', port: 0 }
    socket.on('message', (bytes) => {
      this.#messages.push(new Uint8Array(bytes))
      this.#heard?.()
    })
  }

  static async open(
    server: Endpoint,
    credentials: { username: string; password: string },
    dialect: 'rfc' | 'released' = 'rfc',
  ): Promise<TurnSocketClient> {
    const isIpv6 = server.startsWith('[')
    const socket = createSocket(isIpv6 ? 'udp6' : 'udp4')
    socket.bind(0, isIpv6 ? '::1' : '127.0.0.1')
    await once(socket, 'listening')
    return new TurnSocketClient(socket, server, new TurnClient({ ...credentials, dialect, exchange: () => [] }))
  }

  get source(): Endpoint {
    const { address, port } = this.socket.address()
    return endpoint(address, port)
  }

  /** Sends a datagram to the relay. */
  send(bytes: Uint8Array): void {
    this.socket.send(bytes, this.#server.port, this.#server.address)
  }

  sendChannel(channel: number, data: Uint8Array): void {
    this.send(encodeChannelData(channel, data))
  }

  /** Waits for the next datagram, of ChannelData or of anything else. */
  async next(isData: boolean): Promise<Uint8Array> {
    for (;;) {
      const at = this.#messages.findIndex((bytes) => looksLikeChannelData(bytes) === isData)
      const [found] = at < 0 ? [] : this.#messages.splice(at, 1)
      if (found !== undefined) return found
      await new Promise<void>((resolve) => (this.#heard = resolve))
    }
  }

  /** Sends a request, again with a nonce if one is demanded, and reads the answer. */
  async ask(method: number, attributes: Attributes): Promise<Answer> {
    for (let tries = 0; ; tries++) {
      this.send(this.#client.request(method, attributes))
      const answer = this.#client.read(await this.next(false))
      if (tries === 2 || (answer.code !== 401 && answer.code !== 438)) return answer
    }
  }

  /** Allocates and returns the relayed endpoint. */
  async allocate(family: Family = 'ipv4'): Promise<Endpoint> {
    const answer = await this.ask(ALLOCATE, () => [requestedUdp, familyAttribute(REQUESTED_ADDRESS_FAMILY, family)])
    const relayed = readXorAddress(answer.message, XOR_RELAYED_ADDRESS)
    if (relayed === undefined) throw new Error(`no allocation: ${answer.code ?? 'without an address'}`)
    return relayed
  }

  bind(channel: number, peer: Endpoint): Promise<Answer> {
    return this.ask(CHANNEL_BIND, (id) => [channelAttribute(channel), xorAddressAttribute(XOR_PEER_ADDRESS, peer, id)])
  }

  end(): Promise<Answer> {
    return this.ask(REFRESH, () => [uint32Attribute(LIFETIME, 0)])
  }

  close(): void {
    this.socket.close()
  }
}
