import { formatAddress, parseAddress } from '../net/ip-address.ts'
import { nat64Address } from '../net/nat64.ts'
import type { Prefix } from '../net/prefix.ts'
import { endpoint, splitEndpoint, type Endpoint } from '../runtime/endpoint.ts'
import { formatCandidate, parseCandidate } from './candidate.ts'

/** Change of the mapped candidates of a peer, as text. */
export interface MappedChange<Peer> {
  peer: Peer
  added: string[]
  removed: string[]
}

/** Most IPv4 candidates that are remembered of a peer: as many as an agent takes. */
const MAX_LINES = 32

/**
 * Maps IPv4 endpoints of others into IPv6 for a machine that has IPv6 only, in a network with NAT64 (RFC 6146): peers'
 * candidates, STUN servers and relays.
 */
export class Nat64Mapping<Peer> {
  /** IPv4 candidates of each peer, with the lines that they are mapped to. */
  readonly #lines = new Map<Peer, Map<string, string | undefined>>()
  #prefix: Prefix | undefined

  /** Changes the prefix; undefined if IPv4 is reached directly, or not at all. Returns what changes for each peer. */
  setPrefix(prefix: Prefix | undefined): MappedChange<Peer>[] {
    this.#prefix = prefix
    return [...this.#lines].flatMap(([peer, lines]) => {
      const change: MappedChange<Peer> = { peer, added: [], removed: [] }
      for (const [line, before] of lines) {
        const mapped = this.#mapped(line)
        lines.set(line, mapped)
        if (mapped === before) continue
        if (before !== undefined) change.removed.push(before)
        if (mapped !== undefined) change.added.push(mapped)
      }
      return change.added.length + change.removed.length > 0 ? change : []
    })
  }

  /** Begins to remember the candidates of a peer. */
  know(peer: Peer): void {
    if (!this.#lines.has(peer)) this.#lines.set(peer, new Map())
  }

  /** Takes candidates of a peer; returns them with those that they are mapped to. */
  add(peer: Peer, candidates: readonly string[]): string[] {
    const lines = this.#lines.get(peer)
    return candidates.flatMap((line) => {
      if (parseCandidate(line)?.family !== 'ipv4') return line
      const mapped = this.#mapped(line)
      if (lines !== undefined && lines.size < MAX_LINES) lines.set(line, mapped)
      return mapped === undefined ? line : [line, mapped]
    })
  }

  /** Forgets candidates of a peer; returns them with those that they are mapped to. */
  remove(peer: Peer, candidates: readonly string[]): string[] {
    const lines = this.#lines.get(peer)
    return candidates.flatMap((line) => {
      lines?.delete(line)
      const mapped = this.#mapped(line)
      return mapped === undefined ? line : [line, mapped]
    })
  }

  forget(peer: Peer): void {
    this.#lines.delete(peer)
  }

  /** Returns endpoints of one server with that which its IPv4 endpoint is mapped to, unless it has IPv6 itself. */
  endpoints(endpoints: readonly Endpoint[]): readonly Endpoint[] {
    if (endpoints.some((one) => one.startsWith('['))) return endpoints
    return [...endpoints, ...endpoints.flatMap((one) => this.#endpoint(one) ?? [])]
  }

  #endpoint(ipv4: Endpoint): Endpoint | undefined {
    const parts = splitEndpoint(ipv4)
    const address = parts === undefined ? undefined : this.#address(parts.address)
    return parts === undefined || address === undefined ? undefined : endpoint(address, parts.port)
  }

  #mapped(line: string): string | undefined {
    const candidate = parseCandidate(line)
    const address = candidate?.family === 'ipv4' ? this.#address(candidate.address) : undefined
    if (candidate === undefined || address === undefined) return undefined
    return formatCandidate({ ...candidate, address, family: 'ipv6', endpoint: endpoint(address, candidate.port) })
  }

  #address(ipv4: string): string | undefined {
    const bytes = parseAddress(ipv4)
    const mapped = this.#prefix && bytes ? nat64Address(this.#prefix, bytes) : undefined
    return mapped === undefined ? undefined : formatAddress(mapped)
  }
}
