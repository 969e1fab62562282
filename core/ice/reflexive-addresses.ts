// Server-reflexive addresses (RFC 8445 §5.1.1.2): the endpoints at which this machine's sockets appear outside of its
// NAT. Asked from the sockets of the tunnel, and asked again before the NAT forgets them (RFC 8445 §5.1.1.4).
import { toHex } from '../crypto/text-encoding.ts'
import { Counters } from '../runtime/counters.ts'
import type { Datagram } from '../runtime/datagram-socket.ts'
import { splitEndpoint, type Endpoint, type Family } from '../runtime/endpoint.ts'
import { earliest, type Deadline, type Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { integerBelow, type Random } from '../runtime/random.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import { encodeBinding, readMappedEndpoint } from '../stun/stun-binding.ts'
import { decodeStun, looksLikeStun } from '../stun/stun-message.ts'

/** Inputs of `ReflexiveAddresses`. */
export type ReflexiveAddressesInput =
  /** Endpoints of STUN servers; the first of each family is asked. Known addresses stay when there are none. */
  | { type: 'serversChanged'; servers: readonly Endpoint[] }
  /**
   * Families in which this machine has a socket and an address, which are asked at once. `hasMoved`: it has lost an
   * address, so that what was learned before may be wrong.
   */
  | { type: 'networkChanged'; families: readonly Family[]; hasMoved: boolean }
  /** UDP may not work any more: servers are asked at once. */
  | { type: 'doubted' }
  /** A datagram for which `isAnswer` holds. */
  | { type: 'answerReceived'; from: Endpoint; datagram: Uint8Array }

/** Outputs of `ReflexiveAddresses`. */
export type ReflexiveAddressesOutput =
  | ({ type: 'sendDatagram' } & Datagram)
  /** `mapped` has changed. */
  | { type: 'mappedChanged' }

/** State of a STUN server, for people. */
export interface StunStatus {
  server: Endpoint
  /** Endpoint at which this machine appears there; undefined if it is unknown. */
  mapped: Endpoint | undefined
  /** Whether the last request was answered; undefined before the first answer or failure. */
  isAnswering: boolean | undefined
}

/** Interval of requests, below the shortest lifetime of a NAT's binding that is met in practice, 30 s. */
const ASK_AGAIN_MS = 20 * SECOND
/** Most random delay beside it, so that peers that connected together do not go on asking together. */
const JITTER_MS = 5 * SECOND
const ASK_FAILED_AGAIN_MS = 30 * SECOND
const FIRST_RETRANSMIT_MS = 250
const LAST_RETRANSMIT_MS = 2 * SECOND
const MAX_TRIES = 6

interface Asking {
  server: Endpoint
  open: { transactionId: Uint8Array; sentAt: Instant; tries: number } | undefined
  nextAt: Instant
  mapped: Endpoint | undefined
  isAnswering: boolean | undefined
  /** Whether `mapped` was learned before the network changed. */
  isStale: boolean
}

/** Learns this machine's server-reflexive addresses, one of each family, and keeps their NAT bindings open. */
export class ReflexiveAddresses implements Machine<ReflexiveAddressesInput, ReflexiveAddressesOutput> {
  readonly #random: Random
  readonly #askings = new Map<Family, Asking>()
  readonly #counters = new Counters()
  readonly #outputs = new OutputQueue<ReflexiveAddressesOutput>()
  #servers: readonly Endpoint[] = []
  #families: readonly Family[] = []

  constructor({ random }: { random: Random }) {
    this.#random = random
  }

  /** Server-reflexive endpoints, at most one of each family. */
  get mapped(): Endpoint[] {
    return [...this.#askings.values()].flatMap(({ mapped }) => mapped ?? [])
  }

  /** State of each server that is asked. */
  get status(): StunStatus[] {
    return this.#active().map(({ server, mapped, isAnswering }) => ({ server, mapped, isAnswering }))
  }

  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  /**
   * Whether a datagram is the answer that a server owes: it comes from the endpoint that was asked and has the
   * transaction id. Nobody else can make this machine listen, let alone answer (P9).
   */
  isAnswer(from: Endpoint, datagram: Uint8Array): boolean {
    return looksLikeStun(datagram) && this.#awaiting(from, datagram) !== undefined
  }

  handle(input: ReflexiveAddressesInput, now: Instant): void {
    switch (input.type) {
      case 'serversChanged':
        this.#servers = input.servers
        return this.#askAll(now)
      case 'networkChanged':
        this.#families = input.families
        for (const [family, asking] of this.#askings) {
          asking.isStale ||= input.hasMoved
          if (!input.families.includes(family)) this.#learn(asking, undefined)
        }
        return this.#askAll(now)
      case 'doubted':
        return this.#askAll(now)
      case 'answerReceived':
        return this.#hear(input.from, input.datagram, now)
    }
  }

  wake(now: Instant): void {
    for (const asking of this.#active()) if (this.#due(asking).at <= now) this.#goOn(asking, now)
  }

  poll(): ReflexiveAddressesOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return earliest(...this.#active().map((asking) => this.#due(asking)))
  }

  /** Asks the server of each family at once, in a new transaction: an answer to an older one may tell an old address. */
  #askAll(now: Instant): void {
    for (const family of this.#families) {
      const server = this.#serverOf(family)
      const known = this.#askings.get(family)
      if (server === undefined) {
        if (known !== undefined) known.open = undefined
        continue
      }
      const asking = known ?? { ...UNASKED, server, nextAt: now }
      if (asking.server !== server) asking.isAnswering = undefined
      asking.server = server
      this.#askings.set(family, asking)
      this.#begin(asking, now)
    }
  }

  #serverOf(family: Family): Endpoint | undefined {
    return this.#servers.find((server) => splitEndpoint(server)?.family === family)
  }

  /** Returns the families that have a server at present. */
  #active(): Asking[] {
    return [...this.#askings].flatMap(([family, asking]) =>
      this.#families.includes(family) && this.#servers.includes(asking.server) ? [asking] : [],
    )
  }

  #due({ open, nextAt }: Asking): Deadline {
    if (open === undefined) return { at: nextAt, reason: 'ask for the address outside of the NAT' }
    const waitMs = Math.min(FIRST_RETRANSMIT_MS * 2 ** (open.tries - 1), LAST_RETRANSMIT_MS)
    return { at: after(open.sentAt, waitMs), reason: 'a STUN server has not answered' }
  }

  #goOn(asking: Asking, now: Instant): void {
    const { open } = asking
    if (open === undefined) return this.#begin(asking, now)
    if (open.tries < MAX_TRIES) {
      open.tries++
      open.sentAt = now
      return this.#send(asking.server, open.transactionId)
    }
    asking.open = undefined
    asking.isAnswering = false
    asking.nextAt = after(now, ASK_FAILED_AGAIN_MS)
    // A portal that is away for a while changes no address. In another network the old one is certainly wrong.
    if (asking.isStale) this.#learn(asking, undefined)
  }

  #begin(asking: Asking, now: Instant): void {
    asking.open = { transactionId: this.#random.bytes(12), sentAt: now, tries: 1 }
    this.#send(asking.server, asking.open.transactionId)
  }

  #send(to: Endpoint, transactionId: Uint8Array): void {
    this.#outputs.push({ type: 'sendDatagram', to, bytes: encodeBinding(transactionId) })
  }

  #awaiting(from: Endpoint, datagram: Uint8Array): Asking | undefined {
    return this.#active().find(
      ({ server, open }) =>
        open !== undefined && server === from && toHex(open.transactionId) === toHex(datagram.subarray(8, 20)),
    )
  }

  #hear(from: Endpoint, datagram: Uint8Array, now: Instant): void {
    const asking = this.#awaiting(from, datagram)
    const verdict = decodeStun(datagram)
    if (asking === undefined) return this.#counters.count('unknown-transaction')
    if (verdict.type === 'refused') return this.#counters.count(verdict.reason)
    const mapped = readMappedEndpoint(verdict.message)
    if (mapped === undefined) return this.#counters.count('no-mapped-address')
    asking.open = undefined
    asking.isAnswering = true
    asking.isStale = false
    asking.nextAt = after(now, ASK_AGAIN_MS + integerBelow(this.#random, JITTER_MS))
    this.#learn(asking, mapped)
  }

  #learn(asking: Asking, mapped: Endpoint | undefined): void {
    if (asking.mapped === mapped) return
    asking.mapped = mapped
    this.#outputs.push({ type: 'mappedChanged' })
  }
}

const UNASKED = { open: undefined, mapped: undefined, isAnswering: undefined, isStale: false } as const
