import type { PeerId, Tunnel, TunnelInput, TunnelOutput } from '../contract/tunnel-transport.ts'
import { catchPromises, readAnswer } from '../plugin/caught-promises.ts'
import { errorText } from '../plugin/error-text.ts'
import { synchronousAnswer } from '../plugin/synchronous-answer.ts'
import { visibleCharacters } from '../plugin/visible-characters.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { isPath, type TunnelPath } from '../runtime/path.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import { checkedTunnelOutput } from './tunnel-output.ts'

/** A call to a transport plugin: the type of an input to `handle`, or another method of its machine. */
export type TransportCall = TunnelInput['type'] | 'wake' | 'poll' | 'deadline'

/** A failed call to a transport plugin: it threw, returned a promise, or returned outputs without end. */
export interface TransportFault {
  call: TransportCall
  error: unknown
  /** Peer of the call; undefined if the call was not about one peer. */
  peer: PeerId | undefined
  /** Whether calls of this kind keep failing. */
  isFailing: boolean
}

/** A call at which a transport plugin keeps failing, for people to read. */
export interface TransportTrouble {
  call: TransportCall
  /** Whether packets are still carried, for as long as the current sessions last. */
  stillCarries: boolean
  /** Error message of the plugin. */
  said: string
}

/** Calls without which a peer cannot be served, so that a single failure counts as failing. */
const NEEDED: ReadonlySet<TransportCall> = new Set(['peerAdded', 'pathChosen', 'connectRequested'])
/** Calls for timers, accounting and removal: current sessions go on without them for a while. */
const SPARED: ReadonlySet<TransportCall> = new Set(['wake', 'deadline', 'trafficSeen', 'peerRemoved'])
const MAX_FAILURES_IN_A_ROW = 5
/** Failures in a row that count as failing, for received datagrams: anybody may send some that make a plugin fail. */
const MAX_DATAGRAM_FAILURES_IN_A_ROW = 16
/** Fewer failures in a row count as failing if they last for this long. */
const FEW_IN_A_ROW = 3
const LONG_MS = 10 * SECOND
/**
 * Pause after a failed `wake` or `deadline`: its timer stays due, and would otherwise be retried at once, without end.
 */
const REST_MS = 1 * SECOND
/** Most wake-ups in a row that leave a timer due; a plugin that handles timers one by one needs some. */
const MAX_OVERDUE_IN_A_ROW = 64
/** Most outputs for one input, against a plugin that returns outputs without end. */
const MAX_OUTPUTS = 65_536
const MAX_REASONS = 64
const MAX_PATH_CHARACTERS = 100
const MAX_KNOWN_PATHS = 1_024
const MAX_REASON_CHARACTERS = 64

/** Outputs of a guarded tunnel. Paths are those that the host gave to the plugin. */
export type GuardedTunnelOutput = TunnelOutput<TunnelPath> | ({ type: 'transportFaulted' } & TransportFault)

/**
 * Wrapper for a transport plugin's tunnel, so that its errors cannot crash or stall the host. A call that fails has no
 * effect but an output `transportFaulted` and a count of `transport-fault`; outputs that violate the contract are
 * dropped and counted as `odd-output`.
 */
export class GuardedTunnel implements Machine<TunnelInput, GuardedTunnelOutput> {
  readonly #tunnel: Tunnel
  readonly #faults = new OutputQueue<{ type: 'transportFaulted' } & TransportFault>()
  readonly #failing = new Map<
    TransportCall,
    { count: number; since: Instant | undefined; isLong: boolean; said: string }
  >()
  readonly #counts = { 'transport-fault': 0, 'odd-output': 0 }
  /** Texts that were found to be paths, so that this need not be checked for each packet. */
  readonly #knownPaths = new Set<string>()
  #now: Instant | undefined
  #outputs = 0
  /** Whether `poll` has failed, so that the plugin is not polled again before the next input. */
  #isDrained = false
  #restsUntil: Instant | undefined
  #wokenAt: Instant | undefined
  #overdueInARow = 0

  constructor(tunnel: Tunnel) {
    this.#tunnel = tunnel
  }

  /** Call that keeps failing; undefined while the plugin works. */
  get trouble(): TransportTrouble | undefined {
    const all = [...this.#failing].filter(([call, run]) => isFailing(call, run))
    const [call, run] = all.find(([one]) => !SPARED.has(one)) ?? all[0] ?? []
    if (call === undefined || run === undefined) return undefined
    return { call, stillCarries: SPARED.has(call), said: run.said }
  }

  /** Returns the number of drops by reason, of the plugin and of this wrapper. */
  counters(): Readonly<Record<string, number>> {
    const sum: Record<string, number> = {}
    try {
      for (const [reason, count] of Object.entries(synchronousAnswer(this.#tunnel.counters())).slice(0, MAX_REASONS)) {
        if (!Number.isFinite(count)) catchPromises(count)
        else sum[visibleCharacters(reason.slice(0, MAX_REASON_CHARACTERS))] = count
      }
    } catch {
      // A plugin whose counters fail still carries packets.
    }
    for (const [reason, count] of Object.entries(this.#counts)) if (count > 0) sum[reason] = (sum[reason] ?? 0) + count
    return sum
  }

  /** Returns the bytes of the datagram for a packet of `packetBytes`; undefined if the plugin does not tell. */
  datagramBytes(packetBytes: number): number | undefined {
    try {
      const bytes: unknown = synchronousAnswer(this.#tunnel.datagramBytes?.(packetBytes))
      catchPromises(bytes)
      return typeof bytes === 'number' && Number.isInteger(bytes) && bytes > 0 ? bytes : undefined
    } catch {
      return undefined
    }
  }

  handle(input: TunnelInput, now: Instant): void {
    this.#begin(now)
    try {
      synchronousAnswer<unknown>(this.#tunnel.handle(handed(input), now))
      this.#succeeded(input.type)
      if (input.type === 'trafficSeen' && input.received.packets > 0) this.#carried()
    } catch (error) {
      this.#failed(input.type, error, 'peer' in input ? input.peer : undefined)
    }
  }

  wake(now: Instant): void {
    if (this.#restsUntil !== undefined && now < this.#restsUntil) return
    this.#begin(now)
    this.#restsUntil = undefined
    this.#wokenAt = now
    try {
      synchronousAnswer<unknown>(this.#tunnel.wake(now))
      this.#succeeded('wake')
    } catch (error) {
      this.#restsUntil = after(now, REST_MS)
      this.#failed('wake', error)
    }
  }

  poll(): GuardedTunnelOutput | undefined {
    for (;;) {
      const fault = this.#faults.poll()
      if (fault !== undefined) return fault
      if (this.#isDrained) return undefined
      try {
        const given: unknown = synchronousAnswer(this.#tunnel.poll())
        if (given === undefined) {
          this.#succeeded('poll')
          return undefined
        }
        if (++this.#outputs > MAX_OUTPUTS) throw new Error('it returns outputs without end')
        const output = checkedTunnelOutput(given)
        if (output !== undefined && this.#hasSendablePath(output)) {
          if (output.type === 'deliverPacket') this.#carried()
          return output
        }
        catchPromises(given)
        this.#counts['odd-output']++
      } catch (error) {
        this.#isDrained = true
        this.#failed('poll', error)
      }
    }
  }

  deadline(): Deadline | undefined {
    try {
      const due: unknown = synchronousAnswer(this.#tunnel.deadline())
      if (due === undefined) {
        this.#succeeded('deadline')
        return this.#afterRest(undefined)
      }
      const { at, reason } = readAnswer(due, ['at', 'reason'])
      if (typeof at !== 'number' || Number.isNaN(at)) throw new Error('the time of its deadline is not a number')
      const deadline = this.#notAgainAtOnce({ at: at as Instant, reason: errorText(reason) })
      this.#succeeded('deadline')
      return this.#afterRest(deadline)
    } catch (error) {
      if (this.#now === undefined) return undefined
      this.#restsUntil ??= after(this.#now, REST_MS)
      this.#failed('deadline', error)
      return { at: this.#restsUntil, reason: 'the transport plugin failed' }
    }
  }

  /** Whether the path of an output is one to which datagrams can be sent; true if the output has no path. */
  #hasSendablePath(output: TunnelOutput): boolean {
    if (!('path' in output) || output.path === undefined || this.#knownPaths.has(output.path)) return true
    if (output.path.length > MAX_PATH_CHARACTERS || !isPath(output.path)) return false
    if (this.#knownPaths.size >= MAX_KNOWN_PATHS) this.#knownPaths.clear()
    this.#knownPaths.add(output.path)
    return true
  }

  #begin(now: Instant): void {
    this.#now = now
    this.#outputs = 0
    this.#isDrained = false
  }

  /**
   * Delays a deadline that is still due after a wake-up by a millisecond; throws if that happens too often in a row.
   */
  #notAgainAtOnce(due: Deadline): Deadline {
    const wokenAt = this.#wokenAt
    if (wokenAt === undefined || due.at > wokenAt) {
      this.#overdueInARow = 0
      return due
    }
    if (++this.#overdueInARow > MAX_OVERDUE_IN_A_ROW) {
      this.#overdueInARow = 0
      throw new Error('its deadline stays in the past')
    }
    return { ...due, at: after(wokenAt, 1) }
  }

  #afterRest(due: Deadline | undefined): Deadline | undefined {
    if (due === undefined || this.#restsUntil === undefined || due.at >= this.#restsUntil) return due
    return { ...due, at: this.#restsUntil }
  }

  #succeeded(call: TransportCall): void {
    if (this.#failing.size > 0) this.#failing.delete(call)
  }

  /** Clears failures of calls that may not be made again for long: a carried packet proves that they are over. */
  #carried(): void {
    this.#succeeded('pathChosen')
    this.#succeeded('connectRequested')
  }

  #failed(call: TransportCall, error: unknown, peer?: PeerId): void {
    const run = this.#failing.get(call) ?? { count: 0, since: this.#now, isLong: false, said: '' }
    this.#failing.set(call, run)
    run.count++
    run.isLong ||= run.since !== undefined && this.#now !== undefined && after(run.since, LONG_MS) <= this.#now
    run.said = errorText(error)
    this.#counts['transport-fault']++
    this.#faults.push({ type: 'transportFaulted', call, error, peer, isFailing: isFailing(call, run) })
  }
}

/** Input with copies of its keys. Packets and datagrams are lent: they are many, and nobody reads them after the call. */
const handed = (input: TunnelInput): TunnelInput => {
  if (input.type !== 'peerAdded') return input
  const { publicKey, presharedKey } = input
  return {
    ...input,
    publicKey: new Uint8Array(publicKey),
    ...(presharedKey === undefined ? {} : { presharedKey: new Uint8Array(presharedKey) }),
  }
}

const isFailing = (call: TransportCall, { count, isLong }: { count: number; isLong: boolean }): boolean => {
  if (NEEDED.has(call) || (isLong && count >= FEW_IN_A_ROW)) return true
  return count >= (call === 'datagramReceived' ? MAX_DATAGRAM_FAILURES_IN_A_ROW : MAX_FAILURES_IN_A_ROW)
}
