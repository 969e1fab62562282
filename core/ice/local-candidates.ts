import { endpoint, type Endpoint, type Family } from '../runtime/endpoint.ts'
import type { Allocation } from '../turn/relay-clients.ts'
import type { AdvertisedAddress } from './advertised-address.ts'
import { formatCandidate, hostCandidates, relayedCandidate, serverReflexive, type Candidate } from './candidate.ts'

/** Change of the local candidates, as text for the peers. */
export interface CandidateChange {
  /** Candidates that are new, or have another priority than before. */
  added: readonly string[]
  /** Candidates whose endpoints are not offered any more. */
  removed: readonly string[]
}

/** Local candidates by where they come from. */
export type CandidateSource = 'interface' | 'advertised' | 'stun' | 'bridge' | 'relay'

/** Most candidates of the interfaces, so that a peer, which takes 32 in all, has room for the others. */
const MAX_LINKS = 12
/** Most candidates of bridges: containers on this machine reach it by its other addresses, too. */
const MAX_BRIDGES = 4

/**
 * Local candidates, made from this machine's addresses, the ports of its sockets, what the operator advertises, what
 * STUN has found, and what relays have allocated. In the order in which a peer is to check them: bridges to containers come late, relays last.
 */
export class LocalCandidates {
  readonly #advertised: readonly AdvertisedAddress[]
  #links: readonly string[] = []
  #bridges: readonly string[] = []
  #ports: { ipv4?: number; ipv6?: number } = {}
  #reflexive: readonly Endpoint[] = []
  #allocations: readonly Allocation[] = []
  #offers: readonly { candidate: Candidate; source: CandidateSource }[] = []

  constructor({ advertised = [] }: { advertised?: readonly AdvertisedAddress[] } = {}) {
    this.#advertised = advertised
  }

  get candidates(): readonly Candidate[] {
    return this.#offers.map(({ candidate }) => candidate)
  }

  /** Endpoints that are offered, with their sources, in the order of the candidates. */
  get offers(): { endpoint: Endpoint; source: CandidateSource }[] {
    return this.#offers.map(({ candidate, source }) => ({ endpoint: candidate.endpoint, source }))
  }

  /** Candidates as text for the peers. */
  get lines(): string[] {
    return this.candidates.map(formatCandidate)
  }

  /** Families in which there is a candidate of an interface. */
  get families(): Family[] {
    const found = this.#offers.flatMap(({ candidate, source }) => (source === 'interface' ? [candidate.family] : []))
    return [...new Set(found)]
  }

  setPorts(ports: { ipv4?: number; ipv6?: number }): CandidateChange {
    this.#ports = ports
    return this.#change()
  }

  /** Replaces the addresses, each list with the best one first: those of links, and those of bridges to containers. */
  setAddresses(links: readonly string[], bridges: readonly string[] = []): CandidateChange {
    this.#links = links
    this.#bridges = bridges
    return this.#change()
  }

  /** Replaces the endpoints at which STUN servers see this machine. */
  setReflexive(reflexive: readonly Endpoint[]): CandidateChange {
    this.#reflexive = reflexive
    return this.#change()
  }

  /** Replaces the allocations at relays, those of the best relay first. */
  setRelayed(allocations: readonly Allocation[]): CandidateChange {
    this.#allocations = allocations
    return this.#change()
  }

  #change(): CandidateChange {
    const [before, known] = [this.candidates, this.lines]
    this.#offers = this.#gather()
    const offered = new Set(this.candidates.map((each) => each.endpoint))
    return {
      added: this.lines.filter((line) => !known.includes(line)),
      removed: before.filter((each) => !offered.has(each.endpoint)).map(formatCandidate),
    }
  }

  #gather(): { candidate: Candidate; source: CandidateSource }[] {
    const hosts = hostCandidates([...this.#links, ...this.#bridges], this.#ports)
    const bridges = new Set(this.#bridges)
    const of = (isBridge: boolean) => hosts.filter(({ address }) => bridges.has(address) === isBridge)
    const links = of(false).slice(0, MAX_LINKS)
    const found = [
      ...links.map((candidate) => ({ candidate, source: 'interface' as const })),
      ...this.#outside(links),
      ...of(true)
        .slice(0, MAX_BRIDGES)
        .map((candidate) => ({ candidate, source: 'bridge' as const })),
      ...this.#relayed(),
    ]
    // RFC 8445 §5.1.3: without a NAT, what STUN has found is a host candidate, too, and redundant.
    const first = new Map(found.toReversed().map((offer) => [offer.candidate.endpoint, offer]))
    return found.filter((offer) => first.get(offer.candidate.endpoint) === offer)
  }

  #relayed(): { candidate: Candidate; source: CandidateSource }[] {
    const counts = { ipv4: 0, ipv6: 0 }
    return this.#allocations.flatMap(({ relayed, relay }) => {
      const candidate = relayedCandidate(relayed, { relay, nth: counts[familyOf(relayed)]++ })
      return candidate === undefined ? [] : [{ candidate, source: 'relay' as const }]
    })
  }

  /** Makes the candidates outside of a NAT: first those that the operator advertises, then those that STUN has found. */
  #outside(links: readonly Candidate[]): { candidate: Candidate; source: CandidateSource }[] {
    const advertised = this.#advertised.flatMap(({ address, port }) => {
      const open = port ?? this.#ports[address.includes(':') ? 'ipv6' : 'ipv4']
      return open === undefined ? [] : [{ where: endpoint(address, open), source: 'advertised' as const }]
    })
    // A family that has lost its address cannot be sent from, whatever STUN found before.
    const found = this.#reflexive.filter((where) => links.some(({ family }) => family === familyOf(where)))
    const counts = { ipv4: 0, ipv6: 0 }
    return [...advertised, ...found.map((where) => ({ where, source: 'stun' as const }))].flatMap(
      ({ where, source }) => {
        const family = familyOf(where)
        const base = links.find((link) => link.family === family)?.address ?? ''
        const candidate = serverReflexive(where, { base, server: source, nth: counts[family]++ })
        return candidate === undefined ? [] : [{ candidate, source }]
      },
    )
  }
}

const familyOf = (where: Endpoint): Family => (where.startsWith('[') ? 'ipv6' : 'ipv4')
