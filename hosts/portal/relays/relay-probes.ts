import { canonicalAddress } from '../../../core/net/ip-address.ts'
import { DeadlineQueue } from '../../../core/runtime/deadline-queue.ts'
import { endpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import type { Deadline, Machine } from '../../../core/runtime/machine.ts'
import { OutputQueue } from '../../../core/runtime/output-queue.ts'
import type { Random } from '../../../core/runtime/random.ts'
import { after, MINUTE, SECOND, type Instant } from '../../../core/runtime/time.ts'
import { encodeBinding, readMappedEndpoint } from '../../../core/stun/stun-binding.ts'
import { decodeStun } from '../../../core/stun/stun-message.ts'
import { toHex } from '../../../core/crypto/text-encoding.ts'

export type ProbeInput =
  /** All endpoints to probe from here on. */
  | { type: 'endpointsChanged'; endpoints: readonly Endpoint[] }
  | { type: 'datagramReceived'; from: { address: string; port: number }; bytes: Uint8Array }
  /** The operating system did not take a datagram. */
  | { type: 'sendFailed'; to: Endpoint; code: string }

export type ProbeOutput =
  | { type: 'sendDatagram'; to: Endpoint; bytes: Uint8Array }
  /** The state of an endpoint has changed. */
  | { type: 'stateChanged' }

/**
 * State of an endpoint: `asked` until its first answer, or until it has left three requests unanswered; `unreachable` if
 * this machine has no way to it, as without IPv6.
 */
export type ProbeState = 'asked' | 'answers' | 'silent' | 'unreachable'

interface Probed {
  state: ProbeState
  since: Instant
  /** Transaction ids (hex) of requests without an answer, oldest first. */
  unanswered: string[]
  /** Answers since the last request without one. */
  answersInARow: number
}

const INTERVAL_MS = SECOND
/** Interval for an endpoint that has been silent for long. */
const LONG_INTERVAL_MS = 5 * SECOND
const LONG_SILENCE_MS = MINUTE
/** Requests without an answer after which an endpoint counts as silent. */
const MAX_UNANSWERED = 3
/** Answers in a row after which a silent endpoint counts again, so that one that loses packets does not come and go. */
const ANSWERS_TO_RETURN = 3

/** Codes of a machine without a way to an address. */
const NO_WAY: ReadonlySet<string> = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'])

/** Machine that finds out which endpoints of relays answer, by a STUN Binding request to each in every second. */
export class RelayProbes implements Machine<ProbeInput, ProbeOutput> {
  readonly #random: Random
  readonly #probed = new Map<Endpoint, Probed>()
  readonly #due = new DeadlineQueue<Endpoint>()
  readonly #outputs = new OutputQueue<ProbeOutput>()

  constructor({ random }: { random: Random }) {
    this.#random = random
  }

  handle(input: ProbeInput, now: Instant): void {
    switch (input.type) {
      case 'endpointsChanged':
        return this.#watch(new Set(input.endpoints), now)
      case 'datagramReceived':
        return this.#receive(input, now)
      case 'sendFailed': {
        const probed = this.#probed.get(input.to)
        if (probed?.state === 'asked' && NO_WAY.has(input.code)) this.#become(probed, 'unreachable', now)
      }
    }
  }

  wake(now: Instant): void {
    for (let to = this.#due.takeDue(now); to !== undefined; to = this.#due.takeDue(now)) this.#ask(to, now)
  }

  poll(): ProbeOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#due.first()
  }

  /** Returns the state of an endpoint, and since when it has it; undefined for one that is not probed. */
  stateOf(which: Endpoint): { state: ProbeState; since: Instant } | undefined {
    return this.#probed.get(which)
  }

  #watch(endpoints: ReadonlySet<Endpoint>, now: Instant): void {
    for (const known of this.#probed.keys()) {
      if (endpoints.has(known)) continue
      this.#probed.delete(known)
      this.#due.set(known, undefined)
    }
    for (const added of endpoints) {
      if (this.#probed.has(added)) continue
      this.#probed.set(added, { state: 'asked', since: now, unanswered: [], answersInARow: 0 })
      this.#ask(added, now)
    }
  }

  #ask(to: Endpoint, now: Instant): void {
    const probed = this.#probed.get(to)
    if (probed === undefined) return
    const { unanswered } = probed
    if (unanswered.length > 0) probed.answersInARow = 0
    // A machine without a way keeps its state: every request fails, and the relay's other endpoints decide.
    if (unanswered.length >= MAX_UNANSWERED && probed.state !== 'unreachable') this.#become(probed, 'silent', now)
    const id = this.#random.bytes(12)
    // A late answer counts, too: this process may have been busy.
    probed.unanswered = [...unanswered, toHex(id)].slice(-MAX_UNANSWERED - 1)
    this.#outputs.push({ type: 'sendDatagram', to, bytes: encodeBinding(id) })
    const isLong = probed.state === 'silent' && now - probed.since >= LONG_SILENCE_MS
    this.#due.set(to, { at: after(now, isLong ? LONG_INTERVAL_MS : INTERVAL_MS), reason: 'relay probe' })
  }

  #receive({ from, bytes }: { from: { address: string; port: number }; bytes: Uint8Array }, now: Instant): void {
    const address = canonicalAddress(from.address)
    const probed = address === undefined ? undefined : this.#probed.get(endpoint(address, from.port))
    const verdict = probed === undefined ? undefined : decodeStun(bytes)
    if (probed === undefined || verdict?.type !== 'decoded') return
    const { message } = verdict
    // The id is a secret of this process and the relay: nobody else can answer for it.
    if (readMappedEndpoint(message) === undefined || !probed.unanswered.includes(toHex(message.transactionId))) return
    probed.unanswered = []
    probed.answersInARow++
    const isBack = probed.state !== 'silent' || probed.answersInARow >= ANSWERS_TO_RETURN
    if (isBack) this.#become(probed, 'answers', now)
  }

  #become(probed: Probed, state: ProbeState, now: Instant): void {
    if (probed.state === state) return
    probed.state = state
    probed.since = now
    this.#outputs.push({ type: 'stateChanged' })
  }
}
