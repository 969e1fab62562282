import { Counters } from '../runtime/counters.ts'
import { earliest, type Deadline, type Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import type { Random } from '../runtime/random.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import { firstDelayMs, reconnectDelayMs } from './backoff.ts'
import { readMessage, wireName, type MessageSet } from './events.ts'
import { decodeFrame, encodeFrame, MAX_FRAME_FROM_PORTAL_CHARACTERS, readReply, type Frame } from './frame.ts'
import { HeldMessages } from './held-messages.ts'
import type { EventName, LinkRole, ToPortal } from './messages.ts'
import type { Phase } from './link-phase.ts'
import type { LinkInput, LinkOutput } from './portal-link-messages.ts'
import { withoutOutdatedRemovals } from './outdated-removals.ts'
import { plain, problemOfFailure, problemOfJoin, problemText, type PortalProblem } from './portal-problem.ts'

export type { LinkInput, LinkOutput } from './portal-link-messages.ts'

export interface PortalLinkOptions<R extends LinkRole> {
  role: R
  random: Random
  /** Portreeve's additions that this peer understands: values of `FEATURES`. A relay says none. */
  features: readonly string[]
  /** Payload of the join; null by default. */
  join?: unknown
  /** URL of the control channel, to be shown in problems. */
  url?: string | undefined
  /** Time for which to try to reconnect after a connection was lost; unlimited by default. */
  patienceMs?: number
}

const JOIN_PATIENCE_MS = 5 * SECOND
/**
 * Timeout of a connection attempt. Just a fallback: a host has its own timeouts, and reports at which step it failed.
 */
const OPEN_PATIENCE_MS = 15 * SECOND
const HEARTBEAT_MS = 10 * SECOND
const HEARTBEATS_UNANSWERED = 4
/** Timeout of the heartbeat that is sent when this machine's network has changed. */
const NETWORK_CHANGED_MS = 2 * SECOND
/**
 * Time for which a refusal as already connected may be due to the own old connection: a portal ends a silent one after
 * 37 s.
 */
const IN_USE_PATIENCE_MS = 40 * SECOND
const IN_USE_RETRY_MS = 5 * SECOND

interface Loss {
  retryAfterMs?: number | undefined
  problem?: PortalProblem | undefined
}

/**
 * A peer's end of the control channel: connects, joins, keeps the connection alive, and comes back after it was lost.
 *
 * Begins with `started`. `openConnection` asks the host for a WebSocket, and is answered by `connectionOpened`,
 * `connectionRefused` or `connectionClosed`. `closeConnection` need not be answered. After `signedOut` or `gaveUp` only
 * `started` does anything.
 */
export class PortalLink<R extends LinkRole> implements Machine<LinkInput<R>, LinkOutput<R>> {
  readonly #role: R
  readonly #random: Random
  readonly #features: readonly string[]
  readonly #joinPayload: unknown
  readonly #url: string
  readonly #patienceMs: number
  readonly #outputs = new OutputQueue<LinkOutput<R>>()
  readonly #counters = new Counters()
  readonly #held = new HeldMessages<ToPortal<R>>()
  #phase: Phase = { name: 'idle' }
  #everUp = false
  /** Time of the first refusal because another process with this identity is connected. */
  #inUseSince: Instant | undefined
  #attempt = 0
  /** Time at which to give up; Infinity for never. */
  #giveUpAt = Infinity
  #nextRef = 0

  constructor({ role, random, features, join = null, url = '', patienceMs }: PortalLinkOptions<R>) {
    this.#role = role
    this.#random = random
    this.#features = features
    this.#joinPayload = join
    this.#url = url
    this.#patienceMs = patienceMs ?? Infinity
  }

  handle(input: LinkInput<R>, now: Instant): void {
    switch (input.type) {
      case 'started':
        return this.#start(now)
      case 'stopped':
        return this.#end('stopped')
      case 'connectionOpened':
        return this.#join(now)
      case 'connectionRefused':
        return this.#refused(input, now)
      case 'connectionClosed':
        return this.#lost('closed', now, { problem: input.problem })
      case 'frameReceived':
        return this.#frame(input.text, now)
      case 'networkChanged':
        return this.#doubt(now)
      case 'answerWanted':
        if (this.#phase.name === 'up') this.#phase.asked ??= this.#push('phoenix', 'heartbeat', {})
        return
      case 'send':
        return this.#send(input)
    }
  }

  wake(now: Instant): void {
    const phase = this.#phase
    switch (phase.name) {
      case 'idle':
        return
      case 'waiting':
        if (now >= phase.until) this.#open(now)
        return
      case 'opening':
      case 'joining':
        if (now < phase.until) return
        this.#outputs.push({ type: 'closeConnection' })
        return this.#lost(phase.name === 'opening' ? 'connect_timeout' : 'join_timeout', now, {
          problem: phase.name === 'opening' ? undefined : problemOfJoin('it does not answer', { url: this.#url }),
        })
      case 'up':
        if (phase.doubted !== undefined && now >= phase.doubted.until) {
          this.#outputs.push({ type: 'closeConnection' })
          return this.#lost('network changed', now, { retryAfterMs: 0 })
        }
        if (now >= phase.beatAt) this.#beat(phase, now)
    }
  }

  poll(): LinkOutput<R> | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    const phase = this.#phase
    switch (phase.name) {
      case 'idle':
        return undefined
      case 'waiting':
        return { at: phase.until, reason: 'reconnect' }
      case 'opening':
        return { at: phase.until, reason: 'connect timeout' }
      case 'joining':
        return { at: phase.until, reason: 'join timeout' }
      case 'up':
        return earliest({ at: phase.beatAt, reason: 'heartbeat' }, doubtOf(phase))
    }
  }

  /** Returns the number of dropped inputs and frames by reason. */
  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  #start(now: Instant): void {
    if (this.#phase.name !== 'idle') return
    this.#everUp = false
    this.#inUseSince = undefined
    this.#attempt = 0
    this.#giveUpAt = Infinity
    this.#open(now)
  }

  #open(now: Instant): void {
    this.#phase = { name: 'opening', until: after(now, OPEN_PATIENCE_MS) }
    this.#outputs.push({ type: 'openConnection' })
  }

  #join(now: Instant): void {
    if (this.#phase.name !== 'opening') return this.#drop('unexpected-open')
    this.#nextRef = 0
    this.#sendJoin(now)
  }

  #sendJoin(now: Instant): void {
    const ref = this.#push(this.#role, 'phx_join', this.#joinPayload)
    this.#phase = { name: 'joining', ref, until: after(now, JOIN_PATIENCE_MS) }
  }

  #refused(refusal: LinkInput<R> & { type: 'connectionRefused' }, now: Instant): void {
    const { status, code, reason, detail, retryAfterMs, problem } = refusal
    if (this.#phase.name !== 'opening') return this.#drop('unexpected-refusal')
    // A 401 without a portal's code comes from a proxy or a captive portal: no reason to forget the token.
    if (status === 401 && code !== undefined) {
      return this.#final({ type: 'signedOut', reason: reason ?? code, ...(detail === undefined ? {} : { detail }) })
    }
    if (reason === 'already_connected') return this.#identityInUse(refusal, now)
    this.#lost(code ?? `status_${status}`, now, { retryAfterMs, problem })
  }

  /**
   * Stops this process if another one with its identity is connected: otherwise they would disconnect each other for
   * ever (H13).
   */
  #identityInUse({ detail, problem }: LinkInput<R> & { type: 'connectionRefused' }, now: Instant): void {
    this.#inUseSince ??= now
    // If this process was connected before, the other connection may be its own old one, behind a proxy that has not
    // noticed its end yet.
    if (this.#everUp && now < after(this.#inUseSince, IN_USE_PATIENCE_MS)) {
      return this.#lost('already_connected', now, { retryAfterMs: IN_USE_RETRY_MS, problem })
    }
    this.#final({ type: 'identityInUse', reason: detail ?? 'another process with this identity is connected' })
  }

  #lost(reason: string, now: Instant, { retryAfterMs: retryAfter, problem: given }: Loss = {}): void {
    const { name } = this.#phase
    if (name === 'idle' || name === 'waiting') return
    const step = name === 'up' ? 'open' : 'upgrade'
    const problem = given ?? problemOfFailure({ step, message: reason.replaceAll('_', ' ') }, { url: this.#url })
    if (name === 'up') {
      this.#held.connectionLost()
      this.#attempt = 0
      this.#giveUpAt = now + this.#patienceMs
      this.#outputs.push({ type: 'linkDown', reason, problem })
    }
    const delay = retryAfter ?? (this.#everUp ? reconnectDelayMs : firstDelayMs)(this.#attempt, this.#random)
    // A wait that the portal asked for does not count against `patienceMs`.
    if (retryAfter !== undefined) this.#giveUpAt += retryAfter
    this.#attempt++
    if (now + delay > this.#giveUpAt) return this.#final({ type: 'gaveUp', reason: problemText(problem) })
    this.#phase = { name: 'waiting', until: after(now, delay), isAsked: retryAfter !== undefined }
    if (name !== 'up') this.#outputs.push({ type: 'attemptFailed', problem })
  }

  #frame(text: string, now: Instant): void {
    if (this.#phase.name !== 'joining' && this.#phase.name !== 'up') return this.#drop('unexpected-frame')
    const decoded = decodeFrame(text, MAX_FRAME_FROM_PORTAL_CHARACTERS)
    if (!decoded.ok) return this.#drop(decoded.reason)
    const { frame } = decoded
    switch (frame.event) {
      case 'phx_reply':
        return this.#reply(frame, now)
      case 'phx_error':
        return
      case 'phx_close':
        this.#outputs.push({ type: 'closeConnection' })
        return this.#lost('phx_close', now)
      case 'disconnect':
        return this.#disconnect(frame)
      default:
        return this.#deliver(frame)
    }
  }

  #reply(frame: Frame, now: Instant): void {
    const phase = this.#phase
    const reply = readReply(frame.payload)
    if (reply === undefined) return this.#drop('bad-reply')
    if (phase.name === 'joining' && frame.ref === phase.ref) {
      if (reply.status === 'ok') return this.#joined(now)
      this.#outputs.push({ type: 'closeConnection' })
      return this.#final({ type: 'gaveUp', reason: `join refused: ${reply.reason}` })
    }
    if (phase.name !== 'up') return
    if (frame.ref === phase.doubted?.ref) phase.doubted = undefined
    if (frame.ref === phase.asked) {
      phase.asked = undefined
      this.#outputs.push({ type: 'answered' })
    }
    if (reply.status === 'ok' && typeof frame.ref === 'number') this.#held.answered(frame.ref)
    if (reply.status === 'ok') phase.unanswered = phase.unanswered.filter((ref) => ref !== frame.ref)
    // The portal has forgotten the join but not the connection, so join again.
    else if (reply.reason === 'unmatched topic') {
      this.#giveUpAt = now + this.#patienceMs
      this.#held.connectionLost()
      this.#outputs.push({ type: 'linkDown', reason: 'unmatched topic' })
      this.#sendJoin(now)
    }
  }

  #joined(now: Instant): void {
    this.#everUp = true
    this.#inUseSince = undefined
    this.#attempt = 0
    this.#giveUpAt = Infinity
    this.#phase = { name: 'up', beatAt: after(now, HEARTBEAT_MS), unanswered: [] }
    if (this.#role !== 'relay') this.#push(this.#role, 'set_snownet_capabilities', { iceless: false })
    if (this.#features.length > 0) this.#push(this.#role, 'set_capabilities', { features: this.#features })
    this.#outputs.push({ type: 'linkUp' })
    for (const message of withoutOutdatedRemovals<R>(this.#held.take())) this.#sayHeld(message)
  }

  #disconnect(frame: Frame): void {
    const { reason, cause, detail } = (frame.payload ?? {}) as Record<string, unknown>
    if (reason !== 'token_expired') return this.#drop('unknown-disconnect')
    this.#outputs.push({ type: 'closeConnection' })
    const known = typeof cause === 'string' && /^[a-z0-9_]{1,64}$/.test(cause) ? cause : reason
    this.#final({
      type: 'signedOut',
      reason: known,
      ...(known === cause && typeof detail === 'string' ? { detail: plain(detail) } : {}),
    })
  }

  #deliver(frame: Frame): void {
    const verdict = readMessage(this.#messages('fromPortal'), frame.event, frame.payload)
    if (!verdict.ok) return this.#drop(verdict.reason)
    this.#outputs.push({ type: 'deliver', ...verdict.message })
  }

  #send({ hold, event, payload }: LinkInput<R> & { type: 'send' }): void {
    const message = { event, payload } as ToPortal<R>
    if (this.#phase.name === 'up') return hold === true ? this.#sayHeld(message) : void this.#say(message)
    if (hold !== true || this.#phase.name === 'idle') return this.#drop('not-connected')
    if (!this.#held.hold(message)) this.#drop('held-too-many')
  }

  /** Sends a message, and keeps it until it is known to have arrived. */
  #sayHeld(message: ToPortal<R>): void {
    const ref = this.#say(message)
    if (ref !== undefined) this.#held.sent(ref, message)
  }

  /** Sends a message and returns its reference. */
  #say({ event, payload }: ToPortal<R>): number | undefined {
    const name = wireName(this.#messages('toPortal'), event as EventName<R, 'toPortal'>)
    if (name !== undefined) return this.#push(this.#role, name, payload)
    this.#drop('no-name-in-dialect')
    return undefined
  }

  #beat(phase: Phase & { name: 'up' }, now: Instant): void {
    if (phase.unanswered.length >= HEARTBEATS_UNANSWERED) {
      this.#outputs.push({ type: 'closeConnection' })
      return this.#lost('heartbeats unanswered', now)
    }
    phase.unanswered.push(this.#push('phoenix', 'heartbeat', {}))
    phase.beatAt = after(now, HEARTBEAT_MS)
  }

  /**
   * Finds out soon whether the connection outlives a change of this machine's network, and does not wait for an attempt
   * from an address of before, nor for the next attempt. Attempts over the network of before say nothing about this one,
   * whose routes may come a moment after its addresses, so that the next waits are short again.
   */
  #doubt(now: Instant): void {
    const phase = this.#phase
    switch (phase.name) {
      case 'idle':
      case 'joining':
        return
      case 'waiting':
        if (phase.isAsked) return
        this.#attempt = 0
        return this.#open(now)
      case 'opening':
        this.#attempt = 0
        this.#outputs.push({ type: 'closeConnection' })
        return this.#open(now)
      case 'up':
        phase.doubted ??= { ref: this.#push('phoenix', 'heartbeat', {}), until: after(now, NETWORK_CHANGED_MS) }
    }
  }

  #push(topic: string, event: string, payload: unknown): number {
    const ref = this.#nextRef++
    this.#outputs.push({ type: 'sendText', text: encodeFrame({ topic, event, payload, ref }) })
    return ref
  }

  #end(reason: string): void {
    const { name } = this.#phase
    this.#phase = { name: 'idle' }
    this.#held.clear()
    if (name === 'up') this.#outputs.push({ type: 'linkDown', reason })
    if (name !== 'idle' && name !== 'waiting') this.#outputs.push({ type: 'closeConnection' })
  }

  #final(output: LinkOutput<R> & { type: 'signedOut' | 'identityInUse' | 'gaveUp' }): void {
    if (this.#phase.name === 'up') this.#outputs.push({ type: 'linkDown', reason: output.reason })
    this.#phase = { name: 'idle' }
    this.#held.clear()
    this.#outputs.push(output)
  }

  #messages<D extends 'fromPortal' | 'toPortal'>(direction: D): MessageSet<R, D> {
    return { role: this.#role, direction, dialect: 'v2' }
  }

  #drop(reason: string): void {
    this.#counters.count(reason)
  }
}

const doubtOf = ({ doubted }: Phase & { name: 'up' }): Deadline | undefined =>
  doubted === undefined ? undefined : { at: doubted.until, reason: 'is the connection alive?' }
