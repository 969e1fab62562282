// A relay's machine (RFC 8656): who may use it, what it forwards, and to whom it answers. Behaviours H10 and P9.
import type { Prefix } from '../net/prefix.ts'
import { Counters } from '../runtime/counters.ts'
import { splitEndpoint, type Endpoint, type Family } from '../runtime/endpoint.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import type { Random } from '../runtime/random.ts'
import { after, MINUTE, SECOND, type Instant } from '../runtime/time.ts'
import {
  attribute,
  errorAttribute,
  NONCE,
  readXorAddress,
  REALM,
  textAttribute,
  unknownRequired,
  xorAddressAttribute,
  XOR_MAPPED_ADDRESS,
} from '../stun/stun-attributes.ts'
import {
  BINDING,
  decodeStun,
  encodeStun,
  encodeWithoutFingerprint,
  hasFingerprint,
  isRequest,
  looksLikeStun,
  type StunMessage,
} from '../stun/stun-message.ts'
import type { Allocation, Channel, ClientWay } from './allocation.ts'
import { Allocations, type AllocationLimits } from './allocations.ts'
import { AnswerMemory } from './answer-memory.ts'
import { encodeChannelData, isAcceptedChannelData, readChannelData } from './channel-data.ts'
import { Nonces } from './nonces.ts'
import { RelayAddresses, type RelayedAddresses } from './relay-addresses.ts'
import { RequestLimits } from './request-limits.ts'
import { proofOf, type PasswordOf } from './request-proof.ts'
import { encodeAnswer } from './turn-answer.ts'
import { DATA, DATA_INDICATION, SEND, XOR_PEER_ADDRESS } from './turn-attributes.ts'
import type { AccountLimit, RelayDrop, TurnRelayInput, TurnRelayOutput } from './turn-relay-messages.ts'
import { errorOf, isTurnMethod, mappedAt, TurnRequests, type Outcome, type ProvenRequest } from './turn-requests.ts'

export interface TurnRelayOptions {
  random: Random
  passwordOf: PasswordOf
  /** Returns the account of a user name, for the limits of accounts; by default all user names are of one. */
  accountOf?: (username: string) => string | undefined
  /** Realm of the credentials; released peers accept `firezone` only. */
  realm?: string
  /** Addresses at which peers reach relayed ports. */
  relayedAddresses: RelayedAddresses
  /** First and last relayed port. */
  relayedPorts: { first: number; last: number }
  /** Prefixes of peers that are permitted besides the Internet. */
  permittedPeers?: readonly Prefix[]
  limits?: Partial<AllocationLimits>
}

/** Realm that released peers demand. */
export const RELAY_REALM = 'firezone'

const DEFAULT_LIMITS: AllocationLimits = { total: 10_000, perUser: 4, peers: 400_000, peersPerAllocation: 8_192 }
/** Interval in which it is said again that an account has reached a limit. */
const SAY_AGAIN_MS = 10 * MINUTE
/** Interval of looking for what has expired. Whatever has expired does not count from its end on. */
const SWEEP_EVERY_MS = 5 * SECOND

/**
 * Relay of a TURN server: answers requests, and forwards data between clients and peers. What one client sends to the
 * relayed endpoint of another does not leave the machine: it is told as data for that client.
 *
 * ChannelData and data of peers may pass beside it, for speed: `outbound` and `inbound` say where to.
 */
export class TurnRelay implements Machine<TurnRelayInput, TurnRelayOutput> {
  readonly #options: TurnRelayOptions
  readonly #realm: string
  readonly #nonces: Nonces
  readonly #addresses: RelayAddresses
  readonly #allocations: Allocations
  readonly #requests: TurnRequests
  readonly #limits = new RequestLimits()
  readonly #answers = new AnswerMemory()
  readonly #counters = new Counters()
  readonly #outputs = new OutputQueue<TurnRelayOutput>()
  /** Keys of Allocate requests that wait for ports, with whether their answer has FINGERPRINT. */
  readonly #waiting = new Map<Allocation, { key: Uint8Array; withFingerprint: boolean }>()
  /** Times at which it was said that an account has reached a limit, by limit and account. */
  readonly #saidAt = new Map<string, Instant>()
  #serves = true
  #sweepAt: Instant | undefined

  constructor(options: TurnRelayOptions) {
    this.#options = options
    this.#realm = options.realm ?? RELAY_REALM
    this.#nonces = new Nonces(options.random.bytes(32))
    const { relayedAddresses: relayed, relayedPorts: ports, permittedPeers = [] } = options
    this.#addresses = new RelayAddresses({ relayed, ports, permittedPeers })
    this.#allocations = new Allocations({ ...DEFAULT_LIMITS, ...options.limits })
    this.#requests = new TurnRequests({
      allocations: this.#allocations,
      offers: (family) => this.#addresses.offers(family),
      isInHouse: (peer) => this.#addresses.isRelayed(peer),
      whyRefused: (peer) => this.#addresses.whyRefused(peer),
      whyAddressRefused: (address) => this.#addresses.whyAddressRefused(address),
      accountOf: (username) => options.accountOf?.(username) ?? '',
      accountIsFull: (account, now) => {
        this.#counters.count('account-allocations')
        this.#sayLimit(account, 'allocations', now)
      },
      push: (output) => this.#outputs.push(output),
    })
  }

  /** Number of allocations. */
  get allocations(): number {
    return this.#allocations.size
  }

  /** Returns the number of answers by code, of answered Bindings, and of dropped datagrams by reason. */
  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  /** Counts a datagram that the host has dropped. */
  drop(reason: RelayDrop): void {
    this.#counters.count(reason)
  }

  /**
   * Counts bytes of data to forward for an allocation; false where its account has had more than it may have: drop them,
   * and tell it by `dataRefused`.
   */
  admits({ use }: Allocation, bytes: number, now: Instant): boolean {
    return use.takes(bytes, now)
  }

  /** Returns the allocation of a client at a listening socket. */
  allocationOf(listener: number, source: string): Allocation | undefined {
    return this.#allocations.of(listener, source)
  }

  /**
   * Returns where ChannelData of a client goes: to a peer, as its own channel says, or to another client of this relay
   * whose channel is returned. Undefined if it has no fast way: pass it to `handle`, which counts what it drops.
   */
  outbound(allocation: Allocation, number: number, now: Instant): Channel | undefined {
    const channel = allocation.expiresAt > now ? allocation.channel(number, now) : undefined
    if (channel === undefined || !channel.isInHouse) return channel
    const from = allocation.relayed.get(channel.family)
    const partner = this.#allocations.at(channel.peer)
    return partner === undefined || from === undefined ? undefined : this.inbound(partner, from, now)
  }

  /** Returns the channel by which data of a peer goes to a client; undefined if there is none: pass it to `handle`. */
  inbound(allocation: Allocation, from: Endpoint, now: Instant): Channel | undefined {
    return allocation.expiresAt > now ? allocation.channelTo(from, now) : undefined
  }

  handle(input: TurnRelayInput, now: Instant): void {
    switch (input.type) {
      case 'clientDatagramReceived':
        return this.#serves ? this.#fromClient(input.from, input.bytes, now) : this.drop('not-serving')
      case 'peerDatagramReceived':
        return this.#addresses.isRelayed(input.from) ? this.drop('no-permission') : this.#fromPeer(input, now)
      case 'dataRefused':
        return this.#refuseData(input.allocation, input.datagrams, now)
      case 'portOpened':
        return this.#settle(input.allocation, input.family, input.relayed, now)
      case 'portFailed':
        return this.#settle(input.allocation, input.family, undefined, now)
      case 'streamEnded': {
        const allocation = this.#allocations.of(input.from.listener, input.from.source)
        if (allocation !== undefined) this.#end(allocation)
        return
      }
      case 'ownAddressesChanged':
        return this.#addresses.ownChanged(input.addresses)
      case 'relayedAddressesChanged':
        return this.#endWhere(this.#addresses.relayedChanged(input.addresses))
      case 'servingChanged':
        this.#serves = input.serves
        if (!input.serves) this.#endWhere(() => true)
    }
  }

  wake(now: Instant): void {
    if (this.#sweepAt === undefined || now < this.#sweepAt) return
    this.#endWhere(({ expiresAt }) => expiresAt <= now)
    this.#allocations.sweep(now)
    this.#sweepAt = this.#allocations.size === 0 ? undefined : after(now, SWEEP_EVERY_MS)
  }

  poll(): TurnRelayOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#sweepAt === undefined ? undefined : { at: this.#sweepAt, reason: 'allocations expire' }
  }

  #fromClient(from: ClientWay, bytes: Uint8Array, now: Instant): void {
    if (isAcceptedChannelData(bytes)) return this.#channelData(from, bytes, now)
    if (!looksLikeStun(bytes)) return this.drop('not-turn')
    // Before a message is read: whoever floods is to cost little.
    const tooMany = isRequest(bytes) ? this.#tooMany(from, now) : undefined
    if (tooMany !== undefined) return this.drop(tooMany)
    const verdict = decodeStun(bytes)
    if (verdict.type === 'refused') return this.#counters.count(verdict.reason)
    const { message } = verdict
    if (message.kind === 'indication' && message.method === SEND) return this.#sendIndication(from, message, now)
    // A Binding indication keeps a NAT's binding alive (RFC 8489 §6.3.2).
    if (message.kind === 'indication' && message.method === BINDING) return this.#counters.count('binding-indication')
    if (message.kind !== 'request') return this.drop('unknown-method')
    if (message.method !== BINDING && !isTurnMethod(message.method)) return this.drop('unknown-method')
    const withFingerprint = hasFingerprint(bytes)
    if (message.method === BINDING) return this.#binding(from, message, { withFingerprint })
    this.#request(from, message, { withFingerprint, now })
  }

  #tooMany(from: ClientWay, now: Instant): RelayDrop | undefined {
    const isClient = this.#allocations.of(from.listener, from.source) !== undefined
    return isClient ? this.#limits.client(from, now) : this.#limits.request(from, now)
  }

  #binding(from: ClientWay, message: StunMessage, { withFingerprint }: { withFingerprint: boolean }): void {
    if (unknownRequired(message, []).length > 0) return this.#counters.count('unknown-attribute')
    const { method, transactionId } = message
    const mapped = xorAddressAttribute(XOR_MAPPED_ADDRESS, mappedAt(from), transactionId)
    const answer = { kind: 'success', method, transactionId, attributes: mapped === undefined ? [] : [mapped] } as const
    this.#counters.count('answered-binding')
    this.#send(from, withFingerprint ? encodeStun(answer) : encodeWithoutFingerprint(answer))
  }

  #request(from: ClientWay, message: StunMessage, how: { withFingerprint: boolean; now: Instant }): void {
    const { now } = how
    const source = sourceName(from)
    const known = this.#answers.find(source, message, now)
    if (known !== undefined) {
      this.#counters.count('answered-again')
      return this.#send(from, new Uint8Array(known))
    }
    const proof = proofOf(message, { source, now }, { ...this.#options, realm: this.#realm, nonces: this.#nonces })
    if (proof.type === 'refused') {
      if (proof.key === undefined && !this.#limits.stranger(from, now)) return this.drop('too-many-strangers')
      return this.#refuse(from, message, { ...proof, ...how })
    }
    const request = { from, message, username: proof.username }
    this.#conclude(request, this.#requests.handle(request, now), { ...how, key: proof.key })
  }

  #conclude(
    { from, message }: ProvenRequest,
    outcome: Outcome,
    how: { key: Uint8Array; withFingerprint: boolean; now: Instant },
  ): void {
    const { key, withFingerprint, now } = how
    if (outcome.type === 'waiting') {
      this.#waiting.set(outcome.allocation, { key, withFingerprint })
      this.#sweepAt ??= after(now, SWEEP_EVERY_MS)
      return
    }
    const isDone = outcome.type === 'done'
    this.#counters.count(isDone ? 'answered' : `answered-${outcome.code}`)
    const attributes = isDone
      ? outcome.attributes.flatMap((each) => each ?? [])
      : [errorOf(outcome.code), ...(outcome.attributes ?? [])]
    const bytes = encodeAnswer(message, { kind: isDone ? 'success' : 'error', attributes, key, withFingerprint })
    this.#answers.keep(sourceName(from), message, { bytes: new Uint8Array(bytes), now })
    this.#send(from, bytes)
  }

  /** Answers a request whose credentials prove nothing, or lack a fresh nonce (RFC 8489 §9.2.4). */
  #refuse(
    from: ClientWay,
    message: StunMessage,
    { code, key, withFingerprint, now }: { code: number; key?: Uint8Array; withFingerprint: boolean; now: Instant },
  ): void {
    const nonce = textAttribute(NONCE, this.#nonces.make(sourceName(from), now))
    const attributes = [
      // Strangers get no reason: it would make the answer longer.
      key === undefined ? errorAttribute(code, '') : errorOf(code),
      ...(code === 400 ? [] : [textAttribute(REALM, this.#realm), nonce]),
    ]
    this.#counters.count(`answered-${code}`)
    this.#send(from, encodeAnswer(message, { kind: 'error', attributes, key, withFingerprint }))
  }

  #settle(allocation: Allocation, family: Family, relayed: Endpoint | undefined, now: Instant): void {
    const settled = this.#requests.settle(allocation, family, relayed)
    const waiting = this.#waiting.get(allocation)
    if (settled === undefined || waiting === undefined) return
    this.#waiting.delete(allocation)
    this.#conclude(settled.request, settled.outcome, { ...waiting, now })
  }

  #channelData(from: ClientWay, bytes: Uint8Array, now: Instant): void {
    const allocation = this.#allocations.of(from.listener, from.source)
    if (allocation === undefined || allocation.expiresAt <= now) return this.drop('no-allocation')
    const read = readChannelData(bytes)
    if (read === undefined) return this.drop('bad-channel-data')
    const channel = allocation.channel(read.channel, now)
    if (channel === undefined) return this.drop('no-channel')
    this.#toPeer(allocation, { peer: channel.peer, family: channel.family, data: read.data }, now)
  }

  #sendIndication(from: ClientWay, message: StunMessage, now: Instant): void {
    const allocation = this.#allocations.of(from.listener, from.source)
    if (allocation === undefined || allocation.expiresAt <= now) return this.drop('no-allocation')
    const peer = readXorAddress(message, XOR_PEER_ADDRESS)
    const data = attribute(message, DATA)
    const parts = peer === undefined ? undefined : splitEndpoint(peer)
    if (peer === undefined || data === undefined || parts === undefined) return this.drop('bad-indication')
    if (unknownRequired(message, [XOR_PEER_ADDRESS, DATA]).length > 0) return this.drop('bad-indication')
    // The address was judged when it was permitted, the port is judged here.
    const isAllowed = this.#addresses.isRelayed(peer) || this.#addresses.whyRefused(peer) === undefined
    if (!isAllowed || !allocation.isPermitted(parts.address, now)) return this.drop('no-permission')
    this.#toPeer(allocation, { peer, family: parts.family, data }, now)
  }

  #toPeer(
    allocation: Allocation,
    { peer, family, data }: { peer: Endpoint; family: Family; data: Uint8Array },
    now: Instant,
  ): void {
    const from = allocation.relayed.get(family)
    if (from === undefined) return this.drop('no-port-of-family')
    if (!this.admits(allocation, data.length, now)) return this.#refuseData(allocation, 1, now)
    if (!this.#addresses.isRelayed(peer)) {
      return this.#outputs.push({ type: 'sendToPeer', allocation, family, to: peer, bytes: new Uint8Array(data) })
    }
    const partner = this.#allocations.at(peer)
    if (partner === undefined) return this.drop('no-such-relayed-port')
    this.#toClient({ allocation: partner, from, bytes: data }, now)
  }

  #fromPeer(input: TurnRelayInput & { type: 'peerDatagramReceived' }, now: Instant): void {
    const { allocation, from, bytes } = input
    const address = splitEndpoint(from)?.address
    const isKnown = this.inbound(allocation, from, now) !== undefined || this.#isPermitted(allocation, address, now)
    // Data of strangers is dropped, and uses nothing up.
    if (!isKnown) return this.drop('no-permission')
    if (!this.admits(allocation, bytes.length, now)) return this.#refuseData(allocation, 1, now)
    this.#toClient(input, now)
  }

  #isPermitted(allocation: Allocation, address: string | undefined, now: Instant): boolean {
    return address !== undefined && allocation.isPermitted(address, now) && allocation.expiresAt > now
  }

  #toClient(
    { allocation, from, bytes }: { allocation: Allocation; from: Endpoint; bytes: Uint8Array },
    now: Instant,
  ): void {
    const channel = this.inbound(allocation, from, now)
    if (channel !== undefined) return this.#send(allocation.client, encodeChannelData(channel.number, bytes))
    const address = splitEndpoint(from)?.address
    if (!this.#isPermitted(allocation, address, now)) return this.drop('no-permission')
    const transactionId = this.#options.random.bytes(12)
    const peer = xorAddressAttribute(XOR_PEER_ADDRESS, from, transactionId)
    const attributes = [...(peer === undefined ? [] : [peer]), { type: DATA, value: bytes }]
    const indication = { kind: 'indication', method: DATA_INDICATION, transactionId, attributes } as const
    this.#send(allocation.client, encodeWithoutFingerprint(indication))
  }

  #refuseData({ use }: Allocation, datagrams: number, now: Instant): void {
    for (let count = 0; count < datagrams; count++) this.drop('account-bandwidth')
    this.#sayLimit(use.account, 'bandwidth', now)
  }

  #sayLimit(account: string, limit: AccountLimit, now: Instant): void {
    const key = `${limit} ${account}`
    const saidAt = this.#saidAt.get(key)
    if (saidAt !== undefined && now < after(saidAt, SAY_AGAIN_MS)) return
    this.#saidAt.set(key, now)
    this.#outputs.push({ type: 'accountReachedLimit', account, limit })
  }

  #endWhere(isOver: (allocation: Allocation) => boolean): void {
    for (const allocation of this.#allocations.all()) if (isOver(allocation)) this.#end(allocation)
  }

  #end(allocation: Allocation): void {
    this.#waiting.delete(allocation)
    this.#requests.end(allocation)
  }

  #send(to: ClientWay, bytes: Uint8Array): void {
    this.#outputs.push({ type: 'sendToClient', to, bytes })
  }
}

/** Name of a client's source among all listening sockets. */
const sourceName = ({ listener, source }: ClientWay): string => `${listener} ${source}`
