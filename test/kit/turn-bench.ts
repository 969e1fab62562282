import { stampedRelayCredentials, stampedRelayPassword } from '../../core/crypto/relay-credentials.ts'
import { endpoint, type Endpoint, type Family } from '../../core/runtime/endpoint.ts'
import { after, instant, type Instant } from '../../core/runtime/time.ts'
import {
  attribute,
  NONCE,
  readErrorCode,
  readText,
  REALM,
  textAttribute,
  uint32Attribute,
  USERNAME,
  xorAddressAttribute,
} from '../../core/stun/stun-attributes.ts'
import {
  decodeStun,
  encodeStun,
  encodeWithoutFingerprint,
  provesKey,
  type StunAttribute,
  type StunMessage,
} from '../../core/stun/stun-message.ts'
import type { Allocation, ClientWay } from '../../core/turn/allocation.ts'
import { encodeChannelData, looksLikeChannelData, readChannelData } from '../../core/turn/channel-data.ts'
import { longTermKey } from '../../core/turn/long-term-key.ts'
import {
  ADDITIONAL_ADDRESS_FAMILY,
  ALLOCATE,
  CHANNEL_BIND,
  channelAttribute,
  CREATE_PERMISSION,
  DATA,
  familyAttribute,
  LIFETIME,
  REFRESH,
  requestedUdp,
  SEND,
  XOR_PEER_ADDRESS,
} from '../../core/turn/turn-attributes.ts'
import { TurnRelay, type TurnRelayOptions } from '../../core/turn/turn-relay.ts'
import type { TurnRelayOutput } from '../../core/turn/turn-relay-messages.ts'
import { SeededRandom } from './seeded-random.ts'

/** Stamp secret of the relay in a bench. */
export const STAMP_SECRET = 'example-relay-stamp-secret'
export const RELAY_V4 = '203.0.113.9'
export const RELAY_V6 = '2001:db8:9::9'

/** Makes credentials that are good at the relay of a bench; `name` stands for a peer's public key. */
export const credentialsOf = (name: string) =>
  stampedRelayCredentials({ publicKey: name, expiry: 4_102_444_800, stampSecret: STAMP_SECRET })

/** A relay's machine without sockets, at a time that tests set. Ports open at once, one after another. */
export class TurnBench {
  readonly relay: TurnRelay
  readonly toPeers: { from: Endpoint | undefined; to: Endpoint; bytes: Uint8Array }[] = []
  /** Accounts that have reached a limit, with the limit. */
  readonly full: string[] = []
  readonly closed: { allocation: Allocation; family: Family }[] = []
  /** Families whose ports cannot be opened. */
  readonly failing = new Set<Family>()
  now: Instant = instant(1_000_000)
  #toClients: { to: ClientWay; bytes: Uint8Array }[] = []
  #nextPort = 50_000

  constructor(options: Partial<TurnRelayOptions> = {}) {
    this.relay = new TurnRelay({
      random: new SeededRandom(1),
      passwordOf: (username) => stampedRelayPassword({ username, stampSecret: STAMP_SECRET }),
      relayedAddresses: { ipv4: RELAY_V4, ipv6: RELAY_V6 },
      relayedPorts: { first: 49_152, last: 65_535 },
      ...options,
    })
  }

  /** Gives the relay a datagram of a client; returns what is sent to that client. */
  receive(from: ClientWay, bytes: Uint8Array): Uint8Array[] {
    this.relay.handle({ type: 'clientDatagramReceived', from, bytes }, this.now)
    this.#perform()
    return this.takeFor(from)
  }

  /** Gives the relay a datagram of a peer at a relayed endpoint; returns what is sent to its client. */
  receiveAt(relayed: Endpoint, from: Endpoint, bytes: Uint8Array): Uint8Array[] {
    const [found] = this.#allocations.filter(({ relayed: all }) => [...all.values()].includes(relayed))
    if (found === undefined) throw new Error(`nobody is at ${relayed}`)
    const family = relayed.startsWith('[') ? 'ipv6' : 'ipv4'
    this.relay.handle({ type: 'peerDatagramReceived', allocation: found, family, from, bytes }, this.now)
    this.#perform()
    return this.takeFor(found.client)
  }

  /** Returns what has been sent to a client since it was looked at. */
  takeFor({ listener, source }: ClientWay): Uint8Array[] {
    const isTo = ({ to }: { to: ClientWay }) => to.listener === listener && to.source === source
    const taken = this.#toClients.filter(isTo)
    this.#toClients = this.#toClients.filter((each) => !isTo(each))
    return taken.map(({ bytes }) => bytes)
  }

  tell(input: Parameters<TurnRelay['handle']>[0]): void {
    this.relay.handle(input, this.now)
    this.#perform()
  }

  /** Lets time pass, with each deadline in between. */
  pass(milliseconds: number): void {
    const end = after(this.now, milliseconds)
    for (let next = this.relay.deadline(); next !== undefined && next.at <= end; next = this.relay.deadline()) {
      this.now = next.at > this.now ? next.at : this.now
      this.relay.wake(this.now)
      this.#perform()
    }
    this.now = end
  }

  readonly #allocations: Allocation[] = []

  #perform(): void {
    for (let output = this.relay.poll(); output !== undefined; output = this.relay.poll()) this.#do(output)
  }

  #do(output: TurnRelayOutput): void {
    switch (output.type) {
      case 'sendToClient':
        this.#toClients.push(output)
        return
      case 'sendToPeer': {
        const { allocation, family, to, bytes } = output
        this.toPeers.push({ from: allocation.relayed.get(family), to, bytes })
        return
      }
      case 'openPort': {
        const { allocation, family, isEven } = output
        if (!this.#allocations.includes(allocation)) this.#allocations.push(allocation)
        if (this.failing.has(family)) {
          this.relay.handle({ type: 'portFailed', allocation, family }, this.now)
          return
        }
        if (isEven && this.#nextPort % 2 === 1) this.#nextPort++
        const relayed = endpoint(family === 'ipv4' ? RELAY_V4 : RELAY_V6, this.#nextPort++)
        this.relay.handle({ type: 'portOpened', allocation, family, relayed }, this.now)
        return
      }
      case 'closePort':
        this.closed.push(output)
        return
      case 'accountReachedLimit':
        this.full.push(`${output.account} ${output.limit}`)
    }
  }
}

/** Answer to a request, as its client reads it. */
export interface Answer {
  message: StunMessage
  /** Error code; undefined for a success. */
  code: number | undefined
  /** Whether MESSAGE-INTEGRITY proves that the relay knows the client's key. */
  isProven: boolean
  bytes: Uint8Array
}

export interface TurnClientOptions {
  /** Sends a datagram to the relay; returns what comes back at once. */
  exchange: (bytes: Uint8Array) => Uint8Array[]
  username: string
  password: string
  /** Dialect: `released` sends user name and integrity already without a nonce, and no FINGERPRINT. */
  dialect?: 'rfc' | 'released'
}

/** Makes a request's attributes for its transaction, whose id masks addresses. */
export type Attributes = (transactionId: Uint8Array) => readonly (StunAttribute | undefined)[]

let transactions = 0

/** A TURN client of the tests' own, which sends a request, and says what was answered. */
export class TurnClient {
  readonly #options: TurnClientOptions
  readonly key: Uint8Array
  nonce: string | undefined
  /** Last request as it was sent. */
  sent = new Uint8Array()

  constructor(options: TurnClientOptions) {
    this.#options = options
    this.key = longTermKey({ username: options.username, realm: 'firezone', password: options.password })
  }

  /** Sends a request and reads the answer, if there is one. */
  ask(method: number, attributes: Attributes = () => []): Answer | undefined {
    return this.send(this.request(method, attributes))
  }

  /** Encodes a request, with credentials as far as the dialect sends them already. */
  request(method: number, attributes: Attributes = () => []): Uint8Array {
    const isReleased = this.#options.dialect === 'released'
    const isBare = this.nonce === undefined && !isReleased
    const transactionId = newTransaction()
    const message = {
      kind: 'request',
      method,
      transactionId,
      attributes: [
        ...attributes(transactionId).flatMap((each) => each ?? []),
        ...(isBare ? [] : [textAttribute(USERNAME, this.#options.username), textAttribute(REALM, 'firezone')]),
        ...(this.nonce === undefined ? [] : [textAttribute(NONCE, this.nonce)]),
      ],
    } as const
    const key = isBare ? undefined : this.key
    return isReleased ? encodeWithoutFingerprint(message, key) : encodeStun(message, key)
  }

  /** Sends bytes and reads the first message that comes back. */
  send(bytes: Uint8Array): Answer | undefined {
    this.sent = new Uint8Array(bytes)
    const [back] = this.#options.exchange(bytes)
    return back === undefined ? undefined : this.read(back)
  }

  /** Reads an answer, and keeps the nonce that it demands. */
  read(back: Uint8Array): Answer {
    const verdict = decodeStun(back)
    if (verdict.type === 'refused') throw new Error(verdict.reason)
    const { message } = verdict
    const code = message.kind === 'error' ? readErrorCode(message) : undefined
    if (code === 401 || code === 438) this.nonce = readText(message, NONCE)
    return { message, code, isProven: provesKey(message, this.key), bytes: back }
  }

  /** Asks as often as a nonce makes it necessary. */
  askOn(method: number, attributes: Attributes = () => []): Answer | undefined {
    const answer = this.ask(method, attributes)
    return answer?.code === 401 || answer?.code === 438 ? this.ask(method, attributes) : answer
  }

  allocate(...more: StunAttribute[]): Answer | undefined {
    return this.askOn(ALLOCATE, () => [requestedUdp, ...more])
  }

  allocateBoth(): Answer | undefined {
    return this.allocate(familyAttribute(ADDITIONAL_ADDRESS_FAMILY, 'ipv6'))
  }

  refresh(seconds?: number, ...more: StunAttribute[]): Answer | undefined {
    return this.askOn(REFRESH, () => [...(seconds === undefined ? [] : [uint32Attribute(LIFETIME, seconds)]), ...more])
  }

  permit(...peers: Endpoint[]): Answer | undefined {
    return this.askOn(CREATE_PERMISSION, (id) => peers.map((peer) => xorAddressAttribute(XOR_PEER_ADDRESS, peer, id)))
  }

  bind(channel: number, peer: Endpoint): Answer | undefined {
    return this.askOn(CHANNEL_BIND, channelTo(channel, peer))
  }

  /** Encodes a request for so many seconds more. */
  refreshRequest(seconds: number): Uint8Array {
    return this.request(REFRESH, () => [uint32Attribute(LIFETIME, seconds)])
  }

  /** Encodes a request for a channel. */
  bindRequest(channel: number, peer: Endpoint): Uint8Array {
    return this.request(CHANNEL_BIND, channelTo(channel, peer))
  }

  sendIndication(peer: Endpoint, data: Uint8Array): Uint8Array[] {
    const transactionId = newTransaction()
    const address = xorAddressAttribute(XOR_PEER_ADDRESS, peer, transactionId)
    const attributes = [...(address === undefined ? [] : [address]), { type: DATA, value: data }]
    return this.#options.exchange(encodeStun({ kind: 'indication', method: SEND, transactionId, attributes }))
  }

  sendChannel(channel: number, data: Uint8Array): Uint8Array[] {
    return this.#options.exchange(encodeChannelData(channel, data))
  }
}

const channelTo =
  (channel: number, peer: Endpoint): Attributes =>
  (id) => [channelAttribute(channel), xorAddressAttribute(XOR_PEER_ADDRESS, peer, id)]

const newTransaction = (): Uint8Array => {
  const id = new Uint8Array(12)
  new DataView(id.buffer).setUint32(8, ++transactions)
  return id
}

/** Reads what a client receives: ChannelData, or an indication with DATA. */
export const dataOf = (bytes: Uint8Array | undefined): { channel?: number; from?: StunMessage; data: Uint8Array } => {
  if (bytes === undefined) throw new Error('nothing was received')
  if (looksLikeChannelData(bytes)) {
    const read = readChannelData(bytes)
    if (read === undefined) throw new Error('no ChannelData')
    return read
  }
  const verdict = decodeStun(bytes)
  if (verdict.type === 'refused') throw new Error(verdict.reason)
  return { from: verdict.message, data: attribute(verdict.message, DATA) ?? new Uint8Array() }
}
