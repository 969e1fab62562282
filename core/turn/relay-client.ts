// Client of one relay (RFC 8656): an allocation there, kept for as long as it is wanted, and channels over it. Serves
// relays of the standard, coturn's departures from it, and released relays: it asks without credentials first, believes
// errors that coturn does not sign, refreshes plainly, and uses channels only.
import type { RelayCredentials } from '../crypto/relay-credentials.ts'
import { Counters } from '../runtime/counters.ts'
import { splitEndpoint, type Endpoint, type Family } from '../runtime/endpoint.ts'
import { earliest, type Deadline, type Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { channelPath, type ChannelPath } from '../runtime/path.ts'
import { integerBelow, type Random } from '../runtime/random.ts'
import { after, MINUTE, SECOND, type Instant } from '../runtime/time.ts'
import { attribute, readUint32, readXorAddress, readXorAddresses, XOR_MAPPED_ADDRESS } from '../stun/stun-attributes.ts'
import { decodeStun, type StunMessage } from '../stun/stun-message.ts'
import { encodeChannelData, looksLikeChannelData, readChannelData } from './channel-data.ts'
import { RelayChannels, type RelayChannel } from './relay-channels.ts'
import { relayRequest, type RelayPurpose, type WantedFamilies } from './relay-purpose.ts'
import type { QueuedDatagram, RelayClientInput, RelayClientOutput } from './relay-client-messages.ts'
import { RelayRequests, type RelayRequestsOutput } from './relay-requests.ts'
import { DATA, DATA_INDICATION, LIFETIME, XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS } from './turn-attributes.ts'

/**
 * State of an allocation. `asking`: the relay has not answered yet; `allocated`: it relays; `silent`: it does not
 * answer; `refused`: it answers with an error.
 */
export type RelayState = 'idle' | 'asking' | 'allocated' | 'silent' | 'refused'

export interface RelayClientOptions {
  /** Endpoint of the relay. */
  relay: Endpoint
  /** Families of relayed addresses to ask for. */
  wanted: WantedFamilies
  credentials: RelayCredentials
  random: Random
}

/** Interval of Binding requests, which keep NATs open and show that the relay is alive. */
const ASK_MS = 25 * SECOND
const DEFAULT_LIFETIME_MS = 10 * MINUTE
const FIRST_RETRY_MS = 2 * SECOND
const LAST_RETRY_MS = 40 * SECOND
const MAX_REPLACEMENTS = 2
const [UNKNOWN_ATTRIBUTE, MISMATCH, FAMILY_UNSUPPORTED] = [420, 437, 440]

/** Client of one relay. */
export class RelayClient implements Machine<RelayClientInput, RelayClientOutput> {
  readonly relay: Endpoint
  readonly #wanted: WantedFamilies
  readonly #random: Random
  readonly #counters = new Counters()
  readonly #requests: RelayRequests<RelayPurpose>
  readonly #channels = new RelayChannels()
  readonly #outputs = new OutputQueue<RelayClientOutput>()
  #credentials: RelayCredentials
  /** Credentials with which the allocation was made, while the relay has not accepted the present ones for it. */
  #former: RelayCredentials | undefined
  #state: RelayState = 'idle'
  #relayed: readonly Endpoint[] = []
  #mapped: Endpoint | undefined
  /** Code of the error that ended the last attempt. */
  #code: number | undefined
  #retryAt: Instant | undefined
  #failures = 0
  /** Allocations removed since the last one was made. */
  #replacements = 0
  #refreshAt: Instant | undefined
  #askAt: Instant | undefined

  constructor({ relay, wanted, credentials, random }: RelayClientOptions) {
    this.relay = relay
    this.#wanted = wanted
    this.#random = random
    this.#credentials = credentials
    this.#requests = new RelayRequests<RelayPurpose>({ random, credentials, counters: this.#counters })
  }

  get state(): RelayState {
    return this.#state
  }

  /** Relayed endpoints of the allocation, at most one of each family. */
  get relayed(): readonly Endpoint[] {
    return this.#relayed
  }

  /** Endpoint at which this machine appears to the relay; undefined before the first allocation. */
  get mapped(): Endpoint | undefined {
    return this.#mapped
  }

  /** Error code (RFC 8656 §19) with which the relay has refused; undefined if it has not. */
  get refusal(): number | undefined {
    return this.#state === 'refused' ? this.#code : undefined
  }

  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  /** Returns the path to a peer's endpoint; undefined if there is no allocation of its family, or no channel left. */
  pathTo(peer: Endpoint, now: Instant): ChannelPath | undefined {
    if (this.#allocationFor(peer) === undefined) return undefined
    const channel = this.#channels.of(peer, now)
    return channel && channelPath(this.relay, channel.number)
  }

  /** Returns both ends of a channel; undefined if it is unknown, or there is no allocation of its family. */
  endsOf(channel: number): { allocation: Endpoint; peer: Endpoint } | undefined {
    const peer = this.#channels.at(channel)?.peer
    const allocation = peer === undefined ? undefined : this.#allocationFor(peer)
    return peer === undefined || allocation === undefined ? undefined : { allocation, peer }
  }

  /** Whether a datagram from the relay's endpoint is for this client: an answer that is owed, or a peer's data. */
  isForMe(datagram: Uint8Array): boolean {
    if (looksLikeChannelData(datagram)) return this.#state === 'allocated'
    const verdict = decodeStun(datagram)
    if (verdict.type === 'refused') return false
    const { kind, method, transactionId } = verdict.message
    if (kind === 'indication') return method === DATA_INDICATION && this.#state === 'allocated'
    return kind !== 'request' && this.#requests.awaits(transactionId)
  }

  handle(input: RelayClientInput, now: Instant): void {
    switch (input.type) {
      case 'started':
        return this.#start(now)
      case 'credentialsRenewed':
        this.#renew(input.credentials, now)
        break
      case 'datagramReceived':
        this.#receive(input.datagram, now)
        break
      case 'datagramQueued':
        this.#queue(input, now)
        break
      case 'doubted':
        // Only a refresh shows that a relay which answers has forgotten the allocation, as after a restart.
        if (this.#state === 'allocated' && this.#refreshAt !== undefined) this.#refresh(now)
        break
      case 'released':
        if (this.#state === 'allocated') this.#begin({ type: 'remove' }, now)
        this.#requests.clear()
        this.#end('idle')
        break
    }
    this.#drain(now)
  }

  wake(now: Instant): void {
    this.#requests.wake(now)
    this.#drain(now)
    if (this.#retryAt !== undefined && this.#retryAt <= now) this.#start(now)
    if (this.#refreshAt !== undefined && this.#refreshAt <= now) this.#refresh(now)
    if (this.#askAt !== undefined && this.#askAt <= now) this.#ask(now)
    for (const channel of this.#channels.wake(now)) this.#bind(channel, now)
    this.#drain(now)
  }

  poll(): RelayClientOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return earliest(
      this.#requests.deadline(),
      this.#channels.deadline(),
      due(this.#retryAt, 'try a relay again'),
      due(this.#refreshAt, 'refresh an allocation'),
      due(this.#askAt, 'see whether a relay answers'),
    )
  }

  #start(now: Instant): void {
    this.#requests.clear()
    this.#requests.renew(this.#credentials)
    this.#end('asking')
    this.#begin({ type: 'allocate', wanted: this.#wanted }, now)
    this.#drain(now)
  }

  #renew(credentials: RelayCredentials, now: Instant): void {
    this.#former = this.#credentials
    this.#credentials = credentials
    this.#requests.renew(credentials)
    // Another allocation would break the paths over this one: relays that allow it go on with it.
    if (this.#state === 'allocated') this.#refresh(now)
    else if (this.#state !== 'idle') this.#start(now)
  }

  /** Removes an allocation, so that another one can be made on the same port, with the credentials that it was made with. */
  #replace(now: Instant): void {
    if (++this.#replacements > MAX_REPLACEMENTS) return this.#fail('refused', MISMATCH, now)
    this.#requests.clear()
    if (this.#former !== undefined) this.#requests.renew(this.#former)
    this.#begin({ type: 'remove' }, now)
  }

  #begin(purpose: RelayPurpose, now: Instant): void {
    this.#requests.begin(relayRequest(purpose), now)
  }

  #refresh(now: Instant): void {
    this.#refreshAt = undefined
    this.#begin({ type: 'refresh' }, now)
  }

  #ask(now: Instant): void {
    this.#askAt = undefined
    this.#begin({ type: 'ask' }, now)
  }

  #bind(channel: RelayChannel, now: Instant): void {
    channel.bindingSince = now
    this.#begin({ type: 'bind', channel }, now)
  }

  #queue({ channel: number, bytes, isProbe }: QueuedDatagram & { channel: number }, now: Instant): void {
    const channel = this.#channels.at(number)
    if (channel === undefined || this.#state !== 'allocated') return this.#counters.count('no-channel')
    channel.usedAt = now
    if (this.#channels.isToBind(channel, now)) {
      this.#bind(channel, now)
      this.#drain(now)
    }
    // Data goes right behind the request that binds its channel, as waiting for the answer costs a round trip. The relay
    // drops it if the request is lost or refused; what matters is sent again.
    if (channel.bindingSince === undefined && !this.#channels.isBound(channel, now)) {
      return this.#counters.count('relay-refuses-peer')
    }
    const framed = encodeChannelData(number, bytes)
    this.#outputs.push({ type: 'sendDatagram', bytes: framed, ...(isProbe === undefined ? {} : { isProbe }) })
  }

  #receive(datagram: Uint8Array, now: Instant): void {
    if (looksLikeChannelData(datagram)) return this.#receiveData(datagram, now)
    const verdict = decodeStun(datagram)
    if (verdict.type === 'refused') return this.#counters.count(verdict.reason)
    if (verdict.message.kind === 'indication') this.#receiveIndication(verdict.message, now)
    else this.#requests.receive(verdict.message, now)
  }

  #receiveData(datagram: Uint8Array, now: Instant): void {
    const read = readChannelData(datagram)
    const channel = read === undefined ? undefined : this.#channels.at(read.channel)
    if (read === undefined || channel === undefined || this.#allocationFor(channel.peer) === undefined) {
      return this.#counters.count('no-channel')
    }
    channel.usedAt = now
    this.#outputs.push({ type: 'datagramReceived', path: channelPath(this.relay, channel.number), datagram: read.data })
  }

  /** Takes data of a peer at a permitted address whose port has no channel: that of a NAT that nobody has told. */
  #receiveIndication(message: StunMessage, now: Instant): void {
    const peer = readXorAddress(message, XOR_PEER_ADDRESS)
    const datagram = attribute(message, DATA)
    const path = peer === undefined ? undefined : this.pathTo(peer, now)
    if (path === undefined || datagram === undefined) return this.#counters.count('no-channel')
    this.#outputs.push({ type: 'datagramReceived', path, datagram })
  }

  #drain(now: Instant): void {
    for (let output = this.#requests.poll(); output !== undefined; output = this.#requests.poll()) {
      if (output.type === 'send') this.#outputs.push({ type: 'sendDatagram', bytes: output.bytes })
      else this.#take(output, now)
    }
  }

  #take(output: Exclude<RelayRequestsOutput<RelayPurpose>, { type: 'send' }>, now: Instant): void {
    const { purpose } = output
    if (output.type === 'succeeded') return this.#succeeded(purpose, output.message, now)
    if (output.type === 'unanswered') {
      if (purpose.type === 'bind') this.#channels.refused(purpose.channel, now)
      return this.#fail('silent', undefined, now)
    }
    this.#refused(purpose, output.code, now)
  }

  #succeeded(purpose: RelayPurpose, message: StunMessage, now: Instant): void {
    switch (purpose.type) {
      case 'allocate':
        return this.#allocated(message, now)
      case 'refresh':
        this.#former = undefined
        this.#refreshAt = after(now, lifetimeMs(message) / 2)
        return
      case 'remove':
        return this.#start(now)
      case 'ask': {
        this.#askAt = after(now, ASK_MS)
        // Seen elsewhere than before, this machine has an allocation there that nothing of its leads to any more.
        const mapped = readXorAddress(message, XOR_MAPPED_ADDRESS)
        if (mapped !== undefined && this.#mapped !== undefined && mapped !== this.#mapped) this.#start(now)
        return
      }
      case 'bind':
        this.#channels.bound(purpose.channel, now)
    }
  }

  #allocated(message: StunMessage, now: Instant): void {
    const families = new Set<Family>()
    this.#relayed = (readXorAddresses(message, XOR_RELAYED_ADDRESS) ?? []).filter((where) => {
      const family = familyOf(where)
      return !families.has(family) && families.add(family)
    })
    if (this.#relayed.length === 0) return this.#fail('refused', undefined, now)
    this.#mapped = readXorAddress(message, XOR_MAPPED_ADDRESS)
    this.#failures = this.#replacements = 0
    this.#former = undefined
    this.#refreshAt = after(now, lifetimeMs(message) / 2)
    this.#askAt = after(now, ASK_MS)
    this.#become('allocated')
  }

  #refused(purpose: RelayPurpose, code: number, now: Instant): void {
    this.#counters.count(`relay-error-${code}`)
    switch (purpose.type) {
      case 'allocate':
        // An allocation of an earlier client is in the way, or the relay does not know of the second family.
        if (code === MISMATCH) return this.#replace(now)
        if (code === UNKNOWN_ATTRIBUTE && purpose.wanted === 'both')
          return this.#begin({ type: 'allocate', wanted: 'ipv4' }, now)
        if (code === FAMILY_UNSUPPORTED && purpose.wanted === 'both')
          return this.#begin({ type: 'allocate', wanted: 'ipv6' }, now)
        return this.#fail('refused', code, now)
      case 'refresh':
        // The relay does not know it any more, or not with these credentials.
        return this.#replace(now)
      case 'remove':
        return this.#start(now)
      case 'ask':
        this.#askAt = after(now, ASK_MS)
        return
      case 'bind':
        this.#channels.refused(purpose.channel, now)
        if (code === MISMATCH) this.#start(now)
    }
  }

  #fail(state: 'silent' | 'refused', code: number | undefined, now: Instant): void {
    this.#requests.clear()
    this.#end(state)
    this.#code = code
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LAST_RETRY_MS)
    this.#retryAt = after(now, waitMs + integerBelow(this.#random, waitMs / 4))
  }

  /** Ends an allocation, if there is one, and what goes on for it. */
  #end(state: RelayState): void {
    this.#channels.unbindAll()
    this.#relayed = []
    this.#retryAt = this.#refreshAt = this.#askAt = this.#code = undefined
    this.#become(state)
  }

  #become(state: RelayState): void {
    if (this.#state === state) return
    this.#state = state
    this.#outputs.push({ type: 'stateChanged' })
  }

  #allocationFor(peer: Endpoint): Endpoint | undefined {
    return this.#relayed.find((where) => familyOf(where) === familyOf(peer))
  }
}

const lifetimeMs = (message: StunMessage): number => {
  const seconds = readUint32(message, LIFETIME)
  return seconds === undefined || seconds < 30 ? DEFAULT_LIFETIME_MS : seconds * SECOND
}

const familyOf = (where: Endpoint): Family => (splitEndpoint(where)?.family === 'ipv6' ? 'ipv6' : 'ipv4')

const due = (at: Instant | undefined, reason: string): Deadline | undefined =>
  at === undefined ? undefined : { at, reason }
