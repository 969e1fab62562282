import { formatCandidate, hostCandidates, type Candidate } from './candidate.ts'

/** Change of the local candidates, as text for the peers. */
export interface CandidateChange {
  added: readonly string[]
  removed: readonly string[]
}

/** Local candidates, made from this machine's addresses and the ports of its sockets. */
export class LocalCandidates {
  #addresses: readonly string[] = []
  #ports: { ipv4?: number; ipv6?: number } = {}
  #candidates: readonly Candidate[] = []

  get candidates(): readonly Candidate[] {
    return this.#candidates
  }

  /** Candidates as text for the peers. */
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
