// ICE agent for one peer (RFC 8445). It differs from the RFC on purpose. The client always controls, so roles never
// switch; a peer with the same role gets an error. The controlling agent uses a pair as soon as it is valid, and changes
// to a better one at any time; each check of the pair in use carries USE-CANDIDATE, and the controlled agent follows the
// latest. Checks go on as long as the agent exists, as they keep NAT bindings open and detect a dead path.
import type { Endpoint } from '../runtime/endpoint.ts'
import { Counters } from '../runtime/counters.ts'
import { earliest, type Deadline, type Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import type { TunnelPath } from '../runtime/path.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import type { CandidatePair, PendingCheck } from './candidate-pair.ts'
import { CandidatePairs } from './candidate-pairs.ts'
import { parseCandidate, type Candidate } from './candidate.ts'
import { CheckSchedule } from './check-schedule.ts'
import { DOUBTFUL_TRIES, isCheckedLately, isIdle, isUnheard } from './check-timing.ts'
import { encodeAnswer, encodeRoleConflict, readCheck } from './connectivity-check.ts'
import type { IceAgentInput, IceAgentOptions, IceAgentOutput } from './ice-agent-messages.ts'
import { OwnChecks } from './own-checks.ts'
import { PathInUse, type RoundTrip } from './path-in-use.ts'
import { PathProbe } from './path-probe.ts'
import type { StunMessage } from '../stun/stun-message.ts'
import type { PathStatus } from './path-status.ts'
import { NO_RELAYED_PATHS } from './relayed-paths.ts'
import { mayRest } from './resting-pairs.ts'

/** Time in milliseconds for which the last answer on a path shows that it works. */
const STILL_FRESH_MS = 15 * SECOND

/** ICE agent for one peer: finds the best path, keeps it alive and replaces it when it is dead. */
export class IceAgent implements Machine<IceAgentInput, IceAgentOutput> {
  readonly #options: IceAgentOptions
  readonly #pairs: CandidatePairs
  readonly #inUse: PathInUse
  readonly #schedule: CheckSchedule
  readonly #checks: OwnChecks
  readonly #probe: PathProbe
  readonly #counters = new Counters()
  readonly #outputs = new OutputQueue<IceAgentOutput>()
  /** Size in the last `pathCarries`. */
  #carries: number | undefined
  /** Whether attempts to find a path have ended; `failed` was said. */
  #hasFailed = false

  constructor(options: IceAgentOptions, now: Instant) {
    this.#options = options
    this.#pairs = new CandidatePairs(options.role, options.relayed ?? NO_RELAYED_PATHS)
    this.#inUse = new PathInUse(options.role, now)
    this.#schedule = new CheckSchedule({ pairs: this.#pairs, inUse: this.#inUse, isUdpBlocked: options.isUdpBlocked })
    this.#checks = new OwnChecks(options)
    this.#probe = new PathProbe(options.probes ?? [])
  }

  /** Whether `failed` was said, and there has been no path since. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** Path in use. */
  get path(): TunnelPath | undefined {
    return this.#inUse.selected?.path
  }

  /** Paths on which the peer is likely reached: to the first of its own addresses, outside of a NAT, and over a relay. */
  get likeliest(): TunnelPath[] {
    return this.#pairs.likeliest
  }

  /** Path in use, for people. */
  get pathStatus(): PathStatus | undefined {
    return this.#inUse.status
  }

  /** Endpoints that the other end has offered, without those at relays. */
  get offered(): readonly Endpoint[] {
    return this.#pairs.offeredAddresses
  }

  /** Size in bytes of the largest probe that the path in use carries; undefined if none is confirmed. */
  get carries(): number | undefined {
    return this.#carries
  }

  /** Latest round trip on a path in use; undefined until a check of such a path is answered. Outlasts the path. */
  get roundTrip(): RoundTrip | undefined {
    return this.#inUse.roundTrip
  }

  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  handle(input: IceAgentInput, now: Instant): void {
    switch (input.type) {
      case 'localCandidatesChanged':
        this.#changeLocals(input.candidates, now)
        break
      case 'remoteCandidatesAdded':
        this.#addRemotes(input.candidates, now)
        break
      case 'remoteCandidatesRemoved':
        this.#removeRemotes(input.candidates, now)
        break
      case 'networkChanged':
        this.#beginAgain(now)
        break
      case 'messageReceived':
        if (input.message.kind === 'request') this.#handleCheck(input.path, input.message, now)
        else this.#handleAnswer(input.path, input.message, now)
        break
      case 'trafficSeen':
        this.#noteTraffic(input.path, now)
        break
      case 'peerDoubted':
        this.#inUse.isPeerDoubted = this.path !== undefined
        this.#schedule.doubt(now)
        break
      case 'networkAnswered': {
        const check = this.#inUse.selected?.check
        if (check !== undefined) check.confirmed = check.unheard
      }
    }
    this.wake(now)
  }

  wake(now: Instant): void {
    if (this.#pairs.pairOverRelays(now)) this.#outputs.push({ type: 'relaysPaired' })
    for (const pair of this.#pairs.byPriority()) this.#advance(pair, now)
    const selected = this.#inUse.selected
    for (const bytes of this.#probe.wake(now)) if (selected !== undefined) this.#sendCheck(selected, bytes)
    this.#tellProven()
    const givesUp = this.#givesUp()
    if (givesUp !== undefined && givesUp.at <= now) this.#fail()
  }

  poll(): IceAgentOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    const first = earliest(earliest(this.#givesUp(), this.#probe.deadline()), this.#schedule.deadline())
    const { relaysFrom: at } = this.#pairs
    return at === undefined ? first : earliest(first, { at, reason: 'pair candidates over relays' })
  }

  #changeLocals(candidates: readonly Candidate[], now: Instant): void {
    const haveMoved = this.#pairs.changeLocals(candidates, now)
    // The other paths are as good as before if only an allocation is gone.
    this.#followPairs(now, haveMoved ? now : after(now, -STILL_FRESH_MS))
    if (haveMoved && this.path === undefined) this.#hopeAgain(now)
    if (haveMoved) this.#schedule.resumeAll(now)
  }

  /** Checks all paths anew if there is none in use: what was sent before may not have left this machine. */
  #beginAgain(now: Instant): void {
    if (this.path !== undefined) return
    this.#hopeAgain(now)
    for (const pair of this.#pairs) pair.check = undefined
    this.#schedule.resumeAll(now)
  }

  /** Begins the time anew after which checks stop if there is no path. */
  #hopeAgain(now: Instant): void {
    if (this.#hasFailed || this.#options.role === 'controlled') this.#inUse.lack(now)
  }

  #addRemotes(lines: readonly string[], now: Instant): void {
    if (this.#hasFailed) this.#hopeAgain(now)
    for (const line of lines) {
      const remote = parseCandidate(line)
      if (remote === undefined) this.#counters.count('candidate-unreadable')
      else if (!this.#pairs.mayAdd(remote, now)) this.#counters.count('too-many-candidates')
      else this.#remember(remote, now)
    }
  }

  #remember(remote: Candidate, now: Instant): void {
    for (const pair of this.#pairs.of(remote.endpoint)) if (pair.isGivenUp) this.#schedule.resume(pair, now)
    if (this.#pairs.add(remote, { inUse: this.#inUse.selected, now })) this.#choose(now)
    else this.#counters.count('too-many-candidates')
  }

  #removeRemotes(lines: readonly string[], now: Instant): void {
    for (const line of lines) {
      const remote = parseCandidate(line)
      if (remote !== undefined) this.#pairs.remove(remote.endpoint)
    }
    this.#followPairs(now, now)
  }

  /** Chooses again after pairs were removed or changed their priority; those that answered before `freshSince` are checked first. */
  #followPairs(now: Instant, freshSince: Instant): void {
    if (this.#inUse.selected !== undefined && !this.#pairs.has(this.#inUse.selected)) this.#lose(freshSince, now)
    else this.#choose(now)
  }

  #handleCheck(path: TunnelPath, message: StunMessage, now: Instant): void {
    const verdict = readCheck(message, this.#options)
    if (verdict.type === 'refused') return this.#counters.count(verdict.reason)
    const { local, role } = this.#options
    if (verdict.role === role) {
      this.#counters.count('role-conflict')
      const bytes = encodeRoleConflict(message.transactionId, local)
      this.#outputs.push({ type: 'sendDatagram', to: path, bytes })
      return
    }
    // RFC 8445 §7.3.1.3: a check from an endpoint that was not signalled reveals a peer-reflexive candidate.
    const hearing = this.#pairs.hearing(path, verdict.priority)
    if (hearing === undefined) return this.#counters.count('path-unknown')
    const isNew = this.#pairs.get(path) === undefined
    const pair = this.#pairs.hear(path, { ...hearing, inUse: this.#inUse.selected, now })
    if (pair === undefined) return this.#counters.count('no-room-for-path')
    if (isNew) this.#choose(now)
    if (isNew && this.#options.role === 'controlling') this.#schedule.doubt(now)
    const { asksForSize } = verdict
    const { transactionId } = message
    const bytes = encodeAnswer({ transactionId, source: pair.remote.endpoint, local, asksForSize })
    this.#outputs.push({ type: 'sendDatagram', to: path, bytes })
    this.#schedule.heard(pair, now)
    if (verdict.nominated && role === 'controlled') {
      for (const other of this.#pairs) other.nominated = other === pair
      this.#choose(now)
    }
    // Triggered check (§7.3.1.4): with a NAT between, only now is the path open in both directions.
    if (pair.state !== 'valid' && !isCheckedLately(pair, now)) {
      pair.check = undefined
      pair.nextCheckAt = now
    }
  }

  #handleAnswer(path: TunnelPath, message: StunMessage, now: Instant): void {
    const answer = this.#checks.answer(message)
    const pair = answer === undefined ? undefined : this.#pairs.get(answer.check.path)
    if (answer === undefined || pair === undefined) return this.#counters.count('unknown-transaction')
    const { verdict, check } = answer
    if (verdict.type === 'refused') return this.#counters.count(verdict.reason)
    // §7.2.5.2.1: the answer must come from the endpoint that was asked.
    if (pair.path !== path) return this.#counters.count('answer-from-elsewhere')
    if (verdict.type !== 'succeeded') {
      this.#counters.count(verdict.type === 'roleConflict' ? 'role-conflict' : 'check-refused')
      return
    }
    if (check.probeBytes !== undefined) {
      if (verdict.takesProbe && pair === this.#inUse.selected) this.#probe.answered(check.probeBytes, now)
      return this.#schedule.heard(pair, now)
    }
    // A repeated check does not tell which transmission was answered (Karn's algorithm).
    const roundTripMs = pair.check?.tries === 1 ? now - pair.check.sentAt : undefined
    if (roundTripMs !== undefined) pair.roundTripMs = roundTripMs
    if (pair === this.#inUse.selected) {
      this.#inUse.isPeerDoubted = false
      this.#inUse.losses.answered(pair, { repeatMs: this.#schedule.repeatMs(pair), now })
      const wasDoubted = (pair.check?.tries ?? 0) >= DOUBTFUL_TRIES
      if (wasDoubted && this.#options.role === 'controlling') this.#outputs.push({ type: 'pathAnswers' })
    }
    pair.check = undefined
    pair.state = 'valid'
    pair.heardAt = now
    pair.firstHeardAt ??= now
    pair.answeredAt = now
    pair.isSilent = false
    pair.failures = 0
    this.#schedule.answered(pair, now)
    this.#choose(now)
    if (roundTripMs !== undefined) this.#inUse.measured(pair, roundTripMs, now)
  }

  #noteTraffic(path: TunnelPath | undefined, now: Instant): void {
    const wasIdle = isIdle(this.#inUse, now)
    this.#inUse.trafficSeen(now)
    this.#probe.trafficSeen(now)
    const pair = path === undefined ? undefined : this.#pairs.get(path)
    if (pair !== undefined) this.#schedule.heard(pair, now)
    const selected = this.#inUse.selected
    if (selected === undefined || selected.check !== undefined || selected.heardAt === now) return
    if (wasIdle || (path === undefined && isUnheard(selected, this.#options.role, now))) selected.nextCheckAt = now
  }

  /** Chooses the best valid pair, if it is not the one in use. */
  #choose(now: Instant): void {
    const usable = this.#pairs.byPriority().filter(({ state }) => state === 'valid')
    const best =
      this.#options.role === 'controlling'
        ? usable[0]
        : // Until the controlling agent has nominated a pair, any valid one will do.
          (usable.find(({ nominated }) => nominated) ?? (this.#inUse.selected === undefined ? usable[0] : undefined))
    if (best === undefined || best === this.#inUse.selected) return
    this.#inUse.select(best, now)
    this.#hasFailed = false
    this.#outputs.push({ type: 'pathChosen', path: best.path })
    this.#probe.begin(now)
    this.#tellProven()
    // The next check tells the other agent by USE-CANDIDATE, so it is sent at once.
    if (this.#options.role === 'controlling') best.nextCheckAt = now
  }

  #advance(pair: CandidatePair, now: Instant): void {
    if (pair.isGivenUp || this.#schedule.due(pair).at > now || !this.#pairs.has(pair)) return
    const { check } = pair
    if (check === undefined && mayRest(pair, { pairs: this.#pairs, inUse: this.#inUse }, now)) pair.isGivenUp = true
    else if (check === undefined && !this.#pairs.isCurrent(pair)) this.#renew(pair, now)
    else if (check === undefined) this.#beginCheck(pair, now)
    else this.#continueCheck(pair, check, now)
  }

  #renew(pair: CandidatePair, now: Instant): void {
    this.#pairs.renew(pair, now)
    this.#followPairs(now, after(now, -STILL_FRESH_MS))
  }

  #continueCheck(pair: CandidatePair, check: PendingCheck, now: Instant): void {
    if (this.#schedule.isOver(pair, check, now)) return this.#giveUpCheck(pair, now)
    check.sentAt = now
    check.tries++
    check.unheard++
    this.#outputs.push({ type: 'sendDatagram', to: pair.path, bytes: new Uint8Array(check.datagram) })
    if (this.#schedule.isQuestionable(pair, check, now)) this.#outputs.push({ type: 'pathUnanswered' })
    // When the path in use is in doubt, check which others are alive.
    if (pair !== this.#inUse.selected || check.tries !== DOUBTFUL_TRIES) return
    this.#schedule.resumeAll(now)
    if (this.#options.role === 'controlling') this.#outputs.push({ type: 'pathDoubted' })
  }

  #beginCheck(pair: CandidatePair, now: Instant): void {
    if (pair.state !== 'valid') pair.state = 'checking'
    pair.check = { datagram: this.#sendCheck(pair), beganAt: now, sentAt: now, tries: 1, unheard: 1, confirmed: 0 }
  }

  #sendCheck(pair: CandidatePair, probeBytes?: number): Uint8Array {
    const nominate = this.#options.role === 'controlling' && pair === this.#inUse.selected
    const datagram = this.#checks.begin(pair, { nominate, probeBytes })
    const sent = { type: 'sendDatagram', to: pair.path, bytes: new Uint8Array(datagram) } as const
    this.#outputs.push(probeBytes === undefined ? sent : { ...sent, isProbe: true })
    return datagram
  }

  #tellProven(): void {
    const datagramBytes = this.#probe.proven
    if (datagramBytes === this.#carries) return
    this.#carries = datagramBytes
    this.#outputs.push({ type: 'pathCarries', datagramBytes })
  }

  #giveUpCheck(pair: CandidatePair, now: Instant): void {
    const suspectSince = pair.check?.beganAt ?? now
    if (pair === this.#inUse.selected) this.#inUse.losses.unanswered(pair)
    pair.check = undefined
    pair.state = 'failed'
    pair.isSilent = true
    pair.failures++
    if (pair === this.#inUse.selected) this.#lose(suspectSince, now)
    this.#schedule.unanswered(pair, { hasFailed: this.#hasFailed }, now)
  }

  /** Changes to a pair that has answered since the one in use fell silent, or reports `pathLost`. */
  #lose(silentSince: Instant, now: Instant): void {
    this.#inUse.drop()
    this.#probe.end()
    for (const pair of this.#pairs) {
      if (pair.state === 'valid' && (pair.answeredAt ?? -Infinity) < silentSince) pair.state = 'waiting'
    }
    this.#choose(now)
    if (this.path !== undefined) return
    this.#inUse.lack(now)
    this.#outputs.push({ type: 'pathLost' })
    this.#tellProven()
    this.#schedule.resumeAll(now)
  }

  #givesUp(): Deadline | undefined {
    return this.#hasFailed ? undefined : this.#inUse.givesUp(this.#pairs.hasRemotes)
  }

  /**
   * Ends the attempts and reports it. Checks go on when there is a reason: this machine has another network, or the
   * other end is heard or signals candidates.
   */
  #fail(): void {
    this.#hasFailed = true
    for (const pair of this.#pairs) {
      pair.isGivenUp = true
      pair.check = undefined
    }
    const reason = this.#inUse.lackReason(this.#pairs.hasRemotes)
    this.#outputs.push({ type: 'failed', reason, tried: this.#pairs.offered })
  }
}
