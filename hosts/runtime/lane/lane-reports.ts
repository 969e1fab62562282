import type { PacketOutput } from '../../../core/flow/flows.ts'
import type { LaneReport, LaneTraffic } from '../../../core/flow/lane.ts'
import type { ReceivedDatagram } from '../../../core/runtime/datagram-socket.ts'
import { withOwnBytes } from './letters.ts'

type Report<Output> = LaneReport<Output | PacketOutput>
type CountersRead<Output> = Omit<Extract<Report<Output>, { type: 'countersRead' }>, 'type'>

export interface LaneReportsOptions<Output> {
  send: (reports: Report<Output>[], datagrams: ReceivedDatagram[]) => void
  /** Returns a session's traffic since the last call, and resets it; undefined if there was none. */
  takeTraffic: (handle: number) => LaneTraffic | undefined
  readCounters: () => CountersRead<Output>
}

const TRAFFIC_INTERVAL_MS = 100
const COUNTERS_INTERVAL_MS = 1_000
/** Maximum of datagrams sent to the host's thread and not yet processed there. */
const MAX_WAITING_DATAGRAMS = 4_096

/**
 * Collects a lane's reports to its host and sends them after each burst of packets. Traffic is reported at once after a
 * silence, then every `TRAFFIC_INTERVAL_MS`.
 */
export class LaneReports<Output extends { type: string }> {
  readonly #options: LaneReportsOptions<Output>
  readonly #countersTimer: NodeJS.Timeout
  #reports: Report<Output>[] = []
  #datagrams: ReceivedDatagram[] = []
  #waiting = 0
  /** Handles of sessions with traffic to report; a session may have been removed meanwhile. */
  #touched: number[] = []
  #isUrgent = false
  #trafficTimer: NodeJS.Timeout | undefined
  #counted = ''

  constructor(options: LaneReportsOptions<Output>) {
    this.#options = options
    this.#countersTimer = setInterval(() => this.#addCounters(), COUNTERS_INTERVAL_MS)
  }

  addOutput(output: Output | PacketOutput): void {
    this.#reports.push({ type: 'flowsOutput', output: withOwnBytes(output) })
  }

  /** Adds a session to the next traffic report. Call once per session and report. */
  touch(handle: number): void {
    this.#touched.push(handle)
  }

  /** Makes the next `flush` report traffic without waiting for the interval. */
  hurry(): void {
    this.#isUrgent = true
  }

  addTraffic(traffic: LaneTraffic): void {
    this.#reports.push({ type: 'trafficSeen', ...traffic })
  }

  /** Adds a datagram for the host; returns false, without calling `make`, if too many wait there. */
  addDatagram(make: () => ReceivedDatagram): boolean {
    if (this.#waiting >= MAX_WAITING_DATAGRAMS) return false
    this.#waiting++
    this.#datagrams.push(make())
    return true
  }

  /** Notes that the host has processed a number of datagrams. */
  taken(datagrams: number): void {
    this.#waiting -= datagrams
  }

  flush(): void {
    if (this.#touched.length > 0 && (this.#isUrgent || this.#trafficTimer === undefined)) this.#addTouched()
    if (this.#reports.length === 0 && this.#datagrams.length === 0) return
    const reports = this.#reports
    const datagrams = this.#datagrams
    this.#reports = []
    this.#datagrams = []
    this.#options.send(reports, datagrams)
  }

  close(): void {
    clearTimeout(this.#trafficTimer)
    clearInterval(this.#countersTimer)
  }

  #addTouched(): void {
    this.#isUrgent = false
    for (const handle of this.#touched) {
      const traffic = this.#options.takeTraffic(handle)
      if (traffic !== undefined) this.addTraffic(traffic)
    }
    this.#touched = []
    this.#trafficTimer ??= setTimeout(() => {
      this.#trafficTimer = undefined
      this.flush()
    }, TRAFFIC_INTERVAL_MS)
  }

  #addCounters(): void {
    const report = { type: 'countersRead' as const, ...this.#options.readCounters() }
    const text = JSON.stringify(report)
    if (text === this.#counted) return
    this.#counted = text
    this.#reports.push(report)
    this.flush()
  }
}
