import type { Datagram } from '../runtime/datagram-socket.ts'
import type { Endpoint, Family } from '../runtime/endpoint.ts'
import { HeldMachines, type Tell } from '../runtime/held-machines.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import type { Random } from '../runtime/random.ts'
import type { Instant } from '../runtime/time.ts'
import type { Allocation } from '../turn/relay-clients.ts'
import type { AdvertisedAddress } from './advertised-address.ts'
import type { Candidate } from './candidate.ts'
import { LocalCandidates, type CandidateChange, type CandidateSource } from './local-candidates.ts'
import { ReflexiveAddresses, type ReflexiveAddressesInput, type StunStatus } from './reflexive-addresses.ts'

/** Inputs of `CandidateGathering`. */
export type GatheringInput =
  | { type: 'socketsOpened'; ports: { ipv4?: number; ipv6?: number } }
  | AddressesChanged
  /** Allocations at relays, those of the best relay first. */
  | { type: 'allocationsChanged'; allocations: readonly Allocation[] }
  /** Endpoints of STUN servers to ask. */
  | { type: 'stunServersChanged'; servers: readonly Endpoint[] }
  /** UDP may not work any more: servers are asked at once. */
  | { type: 'doubted' }
  /** A datagram for which `isAnswer` holds. */
  | { type: 'datagramReceived'; path: Endpoint; datagram: Uint8Array }

/** Input about the addresses of this machine, without those of the tunnel device. */
export interface AddressesChanged {
  type: 'addressesChanged'
  addresses: readonly string[]
  /** Addresses of links over which a default route leads; unknown by default. */
  uplinks?: readonly string[]
  /** Addresses to offer to peers; all by default. */
  offered?: OfferedAddresses
}

/** Addresses to offer to peers as candidates, each list with the best one first. */
export interface OfferedAddresses {
  /** Addresses of links to other machines. */
  links: readonly string[]
  /** Addresses of bridges to containers and virtual machines on this machine. */
  bridges: readonly string[]
}

/** Outputs of `CandidateGathering`. */
export type GatheringOutput =
  | ({ type: 'sendDatagram' } & Datagram)
  /**
   * The addresses of this machine have changed, or a default route leads over another one. `families` are those in which
   * it has a socket and an address; `hasMoved`: it has lost an address.
   */
  | { type: 'networkChanged'; families: readonly Family[]; hasMoved: boolean }
  /** The local candidates have changed. */
  | ({ type: 'candidatesChanged'; candidates: readonly Candidate[] } & CandidateChange)

/** Endpoints at which this machine can be reached, and the STUN servers that are asked; for people. */
export interface GatheringStatus {
  offers: { endpoint: Endpoint; source: CandidateSource }[]
  stun: StunStatus[]
}

/** Gathers this machine's candidates: from its interfaces, from the operator, from STUN servers and from relays. */
export class CandidateGathering implements Machine<GatheringInput, GatheringOutput> {
  readonly #locals: LocalCandidates
  readonly #reflexive: ReflexiveAddresses
  readonly #held = new HeldMachines()
  readonly #tellReflexive: Tell<ReflexiveAddressesInput>
  readonly #outputs = new OutputQueue<GatheringOutput>()
  /** Endpoints of the links' host candidates. */
  #network: readonly Endpoint[] = []
  #uplinks: readonly string[] = []

  constructor({ random, advertised }: { random: Random; advertised?: readonly AdvertisedAddress[] | undefined }) {
    this.#locals = new LocalCandidates(advertised === undefined ? {} : { advertised })
    this.#reflexive = new ReflexiveAddresses({ random })
    this.#tellReflexive = this.#held.hold(this.#reflexive, (output) => {
      if (output.type === 'sendDatagram') this.#outputs.push(output)
      else this.#tellChange(this.#locals.setReflexive(this.#reflexive.mapped))
    })
  }

  get candidates(): readonly Candidate[] {
    return this.#locals.candidates
  }

  /** Candidates as text for the peers. */
  get lines(): string[] {
    return this.#locals.lines
  }

  get status(): GatheringStatus {
    return { offers: this.#locals.offers, stun: this.#reflexive.status }
  }

  counters(): Readonly<Record<string, number>> {
    return this.#reflexive.counters()
  }

  /** Whether a datagram is a STUN server's answer, and not a peer's. */
  isAnswer(from: Endpoint, datagram: Uint8Array): boolean {
    return this.#reflexive.isAnswer(from, datagram)
  }

  handle(input: GatheringInput, now: Instant): void {
    switch (input.type) {
      case 'socketsOpened':
        this.#tellChange(this.#locals.setPorts(input.ports))
        return this.#lookAtNetwork(this.#uplinks, now)
      case 'addressesChanged': {
        const { links, bridges } = input.offered ?? { links: input.addresses, bridges: [] }
        this.#tellChange(this.#locals.setAddresses(links, bridges))
        return this.#lookAtNetwork(input.uplinks ?? [], now)
      }
      case 'allocationsChanged':
        return this.#tellChange(this.#locals.setRelayed(input.allocations))
      case 'stunServersChanged':
        return this.#tellReflexive({ type: 'serversChanged', servers: input.servers }, now)
      case 'doubted':
        return this.#tellReflexive({ type: 'doubted' }, now)
      case 'datagramReceived':
        return this.#tellReflexive({ type: 'answerReceived', from: input.path, datagram: input.datagram }, now)
    }
  }

  wake(now: Instant): void {
    this.#held.wake(now)
  }

  poll(): GatheringOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#held.deadline()
  }

  #lookAtNetwork(uplinks: readonly string[], now: Instant): void {
    const before = this.#network
    // The default route may come after the address: what was asked before it did not leave this machine.
    const hasNewUplink = uplinks.some((address) => !this.#uplinks.includes(address))
    this.#uplinks = uplinks
    const network = this.#locals.offers.flatMap(({ endpoint, source }) => (source === 'interface' ? endpoint : []))
    this.#network = network
    const hasMoved = before.some((endpoint) => !network.includes(endpoint))
    if (!hasMoved && !hasNewUplink && network.every((endpoint) => before.includes(endpoint))) return
    const changed = { type: 'networkChanged', families: this.#locals.families, hasMoved } as const
    this.#tellReflexive(changed, now)
    this.#outputs.push(changed)
  }

  #tellChange(change: CandidateChange): void {
    if (change.added.length === 0 && change.removed.length === 0) return
    this.#outputs.push({ type: 'candidatesChanged', candidates: this.#locals.candidates, ...change })
  }
}
