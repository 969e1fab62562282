import type { PeerId } from '../contract/tunnel-transport.ts'
import type { IceCredentials } from '../crypto/pair-secrets.ts'
import type { Endpoint } from '../runtime/endpoint.ts'
import { toHex } from '../crypto/text-encoding.ts'
import { Counters } from '../runtime/counters.ts'
import { DeadlineQueue } from '../runtime/deadline-queue.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import type { TunnelPath } from '../runtime/path.ts'
import type { Random } from '../runtime/random.ts'
import type { Instant } from '../runtime/time.ts'
import type { Candidate } from './candidate.ts'
import { checkUsername, type IceRole } from './connectivity-check.ts'
import { IceAgent } from './ice-agent.ts'
import type { RoundTrip } from './path-in-use.ts'
import type { IceAgentInput, IceAgentOptions, IceAgentOutput } from './ice-agent-messages.ts'
import { readText, USERNAME } from '../stun/stun-attributes.ts'
import { decodeStun, type StunMessage } from '../stun/stun-message.ts'
import type { PathStatus } from './path-status.ts'
import type { RelayedPaths } from './relayed-paths.ts'

/** Facts about where the two ends can be reached. */
export type CandidatesInput =
  | { type: 'localCandidatesChanged'; candidates: readonly Candidate[] }
  /** A default route of this machine has changed. */
  | { type: 'networkChanged' }
  | { type: 'remoteCandidatesAdded'; peer: PeerId; candidates: readonly string[] }
  | { type: 'remoteCandidatesRemoved'; peer: PeerId; candidates: readonly string[] }

/** Inputs of `IceAgents`. */
export type IceAgentsInput =
  /** Adds an agent for a peer. Replaces the one that it has, unless the credentials are the same and it has not failed. */
  | { type: 'peerAdded'; peer: PeerId; local: IceCredentials; remote: IceCredentials }
  | { type: 'peerRemoved'; peer: PeerId }
  | CandidatesInput
  /** A datagram that looks like STUN. */
  | { type: 'datagramReceived'; path: TunnelPath; datagram: Uint8Array }
  | { type: 'trafficSeen'; peer: PeerId; path?: TunnelPath }
  /** The portal has lost a peer: the path to it is checked at once. */
  | { type: 'peerDoubted'; peer: PeerId }
  /** Somebody other than the peers has answered since `pathUnanswered`: this machine's own network works. */
  | { type: 'networkAnswered' }

/** Outputs of one of the agents, with its peer. */
export type IceAgentsOutput = IceAgentOutput & { peer: PeerId }

interface Entry {
  agent: IceAgent
  local: IceCredentials
  remote: IceCredentials
}

/** Most own requests that are remembered for their answers; beyond it the oldest are forgotten. */
const MAX_TRANSACTIONS = 16_384

/**
 * ICE agents of all peers behind shared sockets. Requests are dispatched by user name, answers by transaction id. A
 * message that matches no agent is not answered, so that nobody can detect this host without credentials (P9).
 */
export class IceAgents implements Machine<IceAgentsInput, IceAgentsOutput> {
  readonly #role: IceRole
  readonly #random: Random
  readonly #probes: readonly number[]
  readonly #relayed: RelayedPaths | undefined
  readonly #isUdpBlocked: IceAgentOptions['isUdpBlocked']
  readonly #entries = new Map<PeerId, Entry>()
  readonly #byUsername = new Map<string, PeerId>()
  readonly #byTransaction = new Map<string, PeerId>()
  /** Deadlines by peer: a gateway has thousands of agents, and needs the earliest deadline all the time. */
  readonly #due = new DeadlineQueue<PeerId>()
  readonly #outputs = new OutputQueue<IceAgentsOutput>()
  readonly #counters = new Counters()
  #locals: readonly Candidate[] = []

  constructor({ role, random, probes = [], relayed, isUdpBlocked }: Omit<IceAgentOptions, 'local' | 'remote'>) {
    this.#isUdpBlocked = isUdpBlocked
    this.#relayed = relayed
    this.#role = role
    this.#random = random
    this.#probes = probes
  }

  path(peer: PeerId): TunnelPath | undefined {
    return this.#entries.get(peer)?.agent.path
  }

  /** Returns the paths on which a peer is likely reached, the likeliest first. */
  likeliest(peer: PeerId): TunnelPath[] {
    return this.#entries.get(peer)?.agent.likeliest ?? []
  }

  /** Returns the path in use to a peer, for people; undefined if there is none. */
  pathStatus(peer: PeerId): PathStatus | undefined {
    return this.#entries.get(peer)?.agent.pathStatus
  }

  /** Returns the endpoints that a peer has offered, without those at relays. */
  offered(peer: PeerId): readonly Endpoint[] {
    return this.#entries.get(peer)?.agent.offered ?? []
  }

  /** Returns the latest round trip to a peer; undefined until one is measured. */
  roundTrip(peer: PeerId): RoundTrip | undefined {
    return this.#entries.get(peer)?.agent.roundTrip
  }

  /** Returns the size in bytes of the largest probe that a peer's path carries; undefined if none is confirmed. */
  carries(peer: PeerId): number | undefined {
    return this.#entries.get(peer)?.agent.carries
  }

  /** Returns the number of drops by reason, of all agents and of messages without an agent. */
  counters(): Readonly<Record<string, number>> {
    const sum: Record<string, number> = { ...this.#counters.snapshot() }
    for (const { agent } of this.#entries.values()) {
      for (const [reason, count] of Object.entries(agent.counters())) sum[reason] = (sum[reason] ?? 0) + count
    }
    return sum
  }

  handle(input: IceAgentsInput, now: Instant): void {
    switch (input.type) {
      case 'peerAdded':
        this.#add(input, now)
        break
      case 'peerRemoved':
        this.#remove(input.peer)
        break
      case 'networkChanged':
      case 'networkAnswered':
        for (const peer of this.#entries.keys()) this.#forward(peer, input, now)
        break
      case 'localCandidatesChanged':
        this.#locals = input.candidates
        for (const peer of this.#entries.keys()) this.#forward(peer, input, now)
        break
      case 'datagramReceived':
        this.#receive(input.path, input.datagram, now)
        break
      case 'remoteCandidatesAdded':
      case 'remoteCandidatesRemoved':
      case 'trafficSeen':
      case 'peerDoubted':
        this.#forward(input.peer, input, now)
        break
    }
  }

  wake(now: Instant): void {
    for (let peer = this.#due.takeDue(now); peer !== undefined; peer = this.#due.takeDue(now)) {
      const entry = this.#entries.get(peer)
      entry?.agent.wake(now)
      if (entry !== undefined) this.#drain(peer, entry)
    }
  }

  poll(): IceAgentsOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#due.first()
  }

  #add({ peer, local, remote }: { peer: PeerId; local: IceCredentials; remote: IceCredentials }, now: Instant): void {
    const known = this.#entries.get(peer)
    const isSame = known !== undefined && same(known.local, local) && same(known.remote, remote)
    if (isSame && !known.agent.hasFailed) return
    this.#remove(peer)
    const shared = { role: this.#role, random: this.#random, probes: this.#probes, relayed: this.#relayed }
    const agent = new IceAgent({ ...shared, isUdpBlocked: this.#isUdpBlocked, local, remote }, now)
    this.#entries.set(peer, { agent, local, remote })
    this.#byUsername.set(checkUsername(local, remote), peer)
    this.#forward(peer, { type: 'localCandidatesChanged', candidates: this.#locals }, now)
  }

  #remove(peer: PeerId): void {
    const entry = this.#entries.get(peer)
    if (entry === undefined) return
    this.#entries.delete(peer)
    this.#due.set(peer, undefined)
    this.#byUsername.delete(checkUsername(entry.local, entry.remote))
    if (entry.agent.carries !== undefined) this.#outputs.push({ type: 'pathCarries', peer, datagramBytes: undefined })
  }

  #receive(path: TunnelPath, datagram: Uint8Array, now: Instant): void {
    const verdict = decodeStun(datagram)
    if (verdict.type === 'refused') return this.#counters.count(verdict.reason)
    const peer = this.#peerOf(verdict.message)
    if (peer === undefined) return this.#counters.count('nobody')
    this.#forward(peer, { type: 'messageReceived', path, message: verdict.message }, now)
  }

  #peerOf(message: StunMessage): PeerId | undefined {
    if (message.kind === 'request') return this.#byUsername.get(readText(message, USERNAME) ?? '')
    return this.#byTransaction.get(toHex(message.transactionId))
  }

  #forward(peer: PeerId, input: IceAgentInput, now: Instant): void {
    const entry = this.#entries.get(peer)
    if (entry === undefined) return this.#counters.count('unknown-peer')
    entry.agent.handle(input, now)
    this.#drain(peer, entry)
  }

  #drain(peer: PeerId, entry: Entry): void {
    const { agent } = entry
    for (let output = agent.poll(); output !== undefined; output = agent.poll()) {
      if (output.type === 'sendDatagram') this.#noteTransaction(output.bytes, peer)
      this.#outputs.push({ ...output, peer })
    }
    this.#due.set(peer, agent.deadline())
  }

  #noteTransaction(datagram: Uint8Array, peer: PeerId): void {
    // Bytes 0 and 1 tell a binding request (RFC 8489 §5); answers are not answered.
    if (datagram[0] !== 0 || datagram[1] !== 1) return
    const id = toHex(datagram.subarray(8, 20))
    this.#byTransaction.delete(id)
    this.#byTransaction.set(id, peer)
    if (this.#byTransaction.size <= MAX_TRANSACTIONS) return
    for (const oldest of this.#byTransaction.keys()) {
      this.#byTransaction.delete(oldest)
      break
    }
  }
}

const same = (a: IceCredentials, b: IceCredentials): boolean => a.username === b.username && a.password === b.password
