import { formatCandidate, hostCandidates, type Candidate } from './candidate.ts'

/** What peers have to be told after a change: candidates as text. */
export interface CandidateChange {
  added: readonly string[]
  removed: readonly string[]
}

/** This machine's own candidates, as its addresses and the ports of its sockets come and go. */
export class LocalCandidates {
  #addresses: readonly string[] = []
  #ports: { ipv4?: number; ipv6?: number } = {}
  #candidates: readonly Candidate[] = []

  get candidates(): readonly Candidate[] {
    return this.#candidates
  }

  /** As a peer is told of them. */
  get lines(): string[] {
    return this.#candidates.map(formatCandidate)
  }

  setPorts(ports: { ipv4?: number; ipv6?: number }): CandidateChange {
    this.#ports = ports
    return this.#change()
  }

  setAddresses(addresses: readonly string[]): CandidateChange {
    this.#addresses = addresses
    return this.#change()
  }

  #change(): CandidateChange {
    const before = this.lines
    this.#candidates = hostCandidates(this.#addresses, this.#ports)
    const lines = this.lines
    return {
      added: lines.filter((line) => !before.includes(line)),
      removed: before.filter((line) => !lines.includes(line)),
    }
  }
}
