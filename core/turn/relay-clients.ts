import type { RelayCredentials } from '../crypto/relay-credentials.ts'
import { splitEndpoint, type Endpoint, type Family } from '../runtime/endpoint.ts'
import { earliest, type Deadline, type Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { splitPath, type ChannelPath } from '../runtime/path.ts'
import type { Random } from '../runtime/random.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import { RelayClient, type RelayState } from './relay-client.ts'
import type { QueuedDatagram, RelayClientInput } from './relay-client-messages.ts'

/** A relay that the portal offers. */
export interface OfferedRelay {
  /** Endpoints of the relay, at most one of each family. */
  endpoints: readonly Endpoint[]
  credentials: RelayCredentials
  /** URL of a WebSocket that leads to it; undefined if there is none. */
  websocketUrl?: string | undefined
}

/** Inputs of `RelayClients`. */
export type RelayClientsInput =
  /** Replaces the relays, the best one first. */
  | { type: 'relaysOffered'; relays: readonly OfferedRelay[] }
  /**
   * Families in which this machine has a socket and an address. `hasMoved`: it has lost an address, and with it perhaps
   * its allocations.
   */
  | { type: 'networkChanged'; families: readonly Family[]; hasMoved: boolean }
  /** A datagram for which `isForRelay` holds. */
  | { type: 'datagramReceived'; from: Endpoint; datagram: Uint8Array }
  /** A datagram to send over a path. */
  | ({ type: 'datagramQueued'; path: ChannelPath } & QueuedDatagram)
  /** A path over a relay has died. */
  | { type: 'doubted'; path: ChannelPath }

/** Outputs of `RelayClients`. */
export type RelayClientsOutput =
  | ({ type: 'sendDatagram'; to: Endpoint } & QueuedDatagram)
  /** A peer's datagram, without the relay's header. */
  | { type: 'datagramReceived'; path: ChannelPath; datagram: Uint8Array }
  /** `allocations` has changed. */
  | { type: 'allocationsChanged' }
  /** Relays are offered, and none of them relays: others are needed. Said again while that lasts. */
  | { type: 'noneRelays' }

/** Allocation at a relay: a relayed endpoint. */
export interface Allocation {
  relayed: Endpoint
  /** Endpoint of the relay. */
  relay: Endpoint
}

/** State of a relay that is asked, for people. */
export interface RelayStatus {
  relay: Endpoint
  state: RelayState
  /** Relayed endpoints. */
  relayed: readonly Endpoint[]
  /** Error code of RFC 8656 §19 with which it has refused; undefined if it has not. */
  refusal: number | undefined
}

/** Most relays that are used at once. */
const MAX_RELAYS = 4
/** Time after which the endpoint of a relay's other family is tried as well. */
const OTHER_FAMILY_MS = 1 * SECOND
/** Time between renewals of two relays: one that demands another allocation for it interrupts its paths. */
const RENEWALS_APART_MS = 10 * SECOND
/** Interval at which it is said again that no relay relays. */
const SAY_AGAIN_MS = 30 * SECOND

interface Used {
  offer: OfferedRelay
  /** Clients of the relay's endpoints, the one that is asked first at the beginning. */
  readonly clients: RelayClient[]
  /** Time from which the endpoint of the other family is tried as well. */
  otherFamilyAt: Instant
  /** Time at which to pass renewed credentials on. */
  renewAt: Instant | undefined
}

/** Clients of the relays that the portal offers. */
export class RelayClients implements Machine<RelayClientsInput, RelayClientsOutput> {
  readonly #random: Random
  readonly #outputs = new OutputQueue<RelayClientsOutput>()
  readonly #byEndpoint = new Map<Endpoint, RelayClient>()
  #used: Used[] = []
  #families: readonly Family[] = []
  #saidAt: Instant | undefined

  constructor({ random }: { random: Random }) {
    this.#random = random
  }

  /** Allocations at all relays, those of the best relay first. */
  get allocations(): Allocation[] {
    return this.#clients().flatMap(({ relay, relayed }) => relayed.map((where) => ({ relay, relayed: where })))
  }

  /** State of each endpoint of a relay that is asked. */
  get status(): RelayStatus[] {
    return this.#clients().map(({ relay, state, relayed, refusal }) => ({ relay, state, relayed, refusal }))
  }

  counters(): Readonly<Record<string, number>> {
    const sum: Record<string, number> = {}
    for (const client of this.#clients()) {
      for (const [reason, count] of Object.entries(client.counters())) sum[reason] = (sum[reason] ?? 0) + count
    }
    return sum
  }

  /** Returns the path from an allocation to a peer's endpoint; undefined if it is gone, or has no channel left. */
  pathTo(allocation: Endpoint, peer: Endpoint, now: Instant): ChannelPath | undefined {
    return this.#clients()
      .find(({ relayed }) => relayed.includes(allocation))
      ?.pathTo(peer, now)
  }

  /** Returns both ends of a path; undefined if it is unknown. */
  endsOf(path: ChannelPath): { allocation: Endpoint; peer: Endpoint } | undefined {
    const { to, channel } = splitPath(path)
    return channel === undefined ? undefined : this.#byEndpoint.get(to)?.endsOf(channel)
  }

  /** Whether a datagram comes from a relay and is for its client; what else comes from there may be a peer's. */
  isForRelay(from: Endpoint, datagram: Uint8Array): boolean {
    return this.#byEndpoint.get(from)?.isForMe(datagram) === true
  }

  handle(input: RelayClientsInput, now: Instant): void {
    switch (input.type) {
      case 'relaysOffered':
        this.#offer(input.relays.slice(0, MAX_RELAYS), now)
        break
      case 'networkChanged':
        this.#families = input.families
        if (input.hasMoved) this.#startAgain(now)
        break
      case 'datagramReceived': {
        const client = this.#byEndpoint.get(input.from)
        if (client !== undefined) this.#tell(client, { type: 'datagramReceived', datagram: input.datagram }, now)
        break
      }
      case 'datagramQueued': {
        const { path, ...datagram } = input
        const { to, channel = 0 } = splitPath(path)
        const client = this.#byEndpoint.get(to)
        if (client !== undefined) this.#tell(client, { ...datagram, channel }, now)
        return
      }
      case 'doubted': {
        const client = this.#byEndpoint.get(splitPath(input.path).to)
        if (client !== undefined) this.#tell(client, { type: 'doubted' }, now)
        return
      }
    }
    this.#settle(now)
  }

  wake(now: Instant): void {
    for (const client of this.#clients()) {
      client.wake(now)
      this.#drain(client)
    }
    for (const used of this.#used) {
      if (used.renewAt === undefined || used.renewAt > now) continue
      used.renewAt = undefined
      const { credentials } = used.offer
      for (const client of used.clients) this.#tell(client, { type: 'credentialsRenewed', credentials }, now)
    }
    this.#settle(now)
  }

  poll(): RelayClientsOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    let first = earliest(...this.#clients().map((client) => client.deadline()))
    for (const used of this.#used) {
      const { renewAt, otherFamilyAt, clients } = used
      if (renewAt !== undefined) first = earliest(first, { at: renewAt, reason: 'renew credentials at a relay' })
      if (clients[0]?.state === 'asking' && this.#untried(used).length > 0) {
        first = earliest(first, { at: otherFamilyAt, reason: 'try the other family of a relay' })
      }
    }
    return first
  }

  #clients(): RelayClient[] {
    return this.#used.flatMap(({ clients }) => clients)
  }

  #offer(offers: readonly OfferedRelay[], now: Instant): void {
    const before = this.#used
    let renewed = 0
    this.#used = offers.map((offer) => {
      const known = before.find((one) => isSamePlace(one.offer, offer))
      if (known === undefined) return { offer, clients: [], otherFamilyAt: now, renewAt: undefined }
      if (!isSame(known.offer.credentials, offer.credentials)) {
        known.renewAt = after(now, RENEWALS_APART_MS * renewed++)
      }
      known.offer = offer
      return known
    })
    for (const gone of before) if (!this.#used.includes(gone)) this.#release(gone.clients, now)
  }

  #startAgain(now: Instant): void {
    for (const used of this.#used) {
      used.otherFamilyAt = after(now, OTHER_FAMILY_MS)
      for (const client of used.clients) this.#tell(client, { type: 'started' }, now)
    }
  }

  #settle(now: Instant): void {
    for (const used of this.#used) this.#ask(used, now)
    this.#complain(now)
  }

  /** Asks a relay at its endpoints, in families that this machine has, and gives up those in families that are gone. */
  #ask(used: Used, now: Instant): void {
    const { offer, clients } = used
    const gone = clients.filter(({ relay }) => !this.#families.includes(familyOf(relay)))
    for (const client of gone) clients.splice(clients.indexOf(client), 1)
    if (gone.length > 0) this.#release(gone, now)
    const [next] = this.#untried(used)
    const [first] = clients
    if (next === undefined || (first?.state === 'asking' && used.otherFamilyAt > now)) return
    // One allocation may have addresses of both families; coturn gives one of IPv4 only.
    const [missing, ...more] = FAMILIES.filter((family) => !first?.relayed.some((where) => familyOf(where) === family))
    if (missing === undefined) return
    if (first === undefined) used.otherFamilyAt = after(now, OTHER_FAMILY_MS)
    const wanted = more.length > 0 ? 'both' : missing
    const client = new RelayClient({ relay: next, wanted, credentials: offer.credentials, random: this.#random })
    clients.push(client)
    this.#byEndpoint.set(next, client)
    this.#tell(client, { type: 'started' }, now)
  }

  /** Returns the endpoints of a relay that are not asked, in families that this machine has; IPv4 comes first. */
  #untried({ offer, clients }: Used): Endpoint[] {
    return offer.endpoints
      .filter((where) => this.#families.includes(familyOf(where)) && !clients.some(({ relay }) => relay === where))
      .toSorted((a, b) => Number(familyOf(a) === 'ipv6') - Number(familyOf(b) === 'ipv6'))
  }

  #release(clients: readonly RelayClient[], now: Instant): void {
    for (const client of clients) {
      this.#tell(client, { type: 'released' }, now)
      if (this.#byEndpoint.get(client.relay) === client) this.#byEndpoint.delete(client.relay)
    }
  }

  #complain(now: Instant): void {
    const states = this.#clients().map(({ state }) => state)
    if (states.includes('allocated')) this.#saidAt = undefined
    if (states.length === 0 || states.some((state) => state === 'asking' || state === 'allocated')) return
    if (this.#saidAt !== undefined && after(this.#saidAt, SAY_AGAIN_MS) > now) return
    this.#saidAt = now
    this.#outputs.push({ type: 'noneRelays' })
  }

  #tell(client: RelayClient, input: RelayClientInput, now: Instant): void {
    client.handle(input, now)
    this.#drain(client)
  }

  #drain(client: RelayClient): void {
    for (let output = client.poll(); output !== undefined; output = client.poll()) {
      if (output.type === 'sendDatagram') this.#outputs.push({ ...output, to: client.relay })
      else if (output.type === 'datagramReceived') this.#outputs.push(output)
      else this.#outputs.push({ type: 'allocationsChanged' })
    }
  }
}

const FAMILIES = ['ipv4', 'ipv6'] as const

const familyOf = (where: Endpoint): Family => (splitEndpoint(where)?.family === 'ipv6' ? 'ipv6' : 'ipv4')

const isSame = (a: RelayCredentials, b: RelayCredentials): boolean =>
  a.username === b.username && a.password === b.password

/** Whether two offers are of one relay: the portal names only those of its endpoints that answer at present. */
const isSamePlace = (a: OfferedRelay, b: OfferedRelay): boolean =>
  a.endpoints.some((where) => b.endpoints.includes(where))
