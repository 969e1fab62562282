import type { PacketOutput } from '../../../core/flow/flows.ts'
import type { LaneReport } from '../../../core/flow/lane.ts'
import type { Datagram } from '../../../core/runtime/datagram-socket.ts'
import { withOwnBytes } from './letters.ts'
import type { LaneSession } from './session-traffic.ts'

type Report<Output> = LaneReport<Output | PacketOutput>
type CountersRead<Output> = Omit<Extract<Report<Output>, { type: 'countersRead' }>, 'type'>

export interface LaneReportsOptions<Output> {
  send: (reports: Report<Output>[], datagrams: Datagram[]) => void
  readCounters: () => CountersRead<Output>
}

const TRAFFIC_INTERVAL_MS = 100
const COUNTERS_INTERVAL_MS = 1_000
/** Datagrams that the host was given and has not taken yet. */
const MOST_WAITING = 4_096

/** What a lane has to say to its host: gathered, and sent after each burst. Traffic at once after a silence, then at intervals. */
export class LaneReports<Output extends { type: string }> {
  readonly #options: LaneReportsOptions<Output>
  readonly #countersTimer: NodeJS.Timeout
  #reports: Report<Output>[] = []
  #datagrams: Datagram[] = []
  #waiting = 0
  #touched: LaneSession[] = []
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

  /** The session has traffic to report; `urgent`: with the next `flush`. */
  touch(session: LaneSession, { urgent = false } = {}): void {
    if (urgent) this.#isUrgent = true
    if (session.isTouched) return
    session.isTouched = true
    this.#touched.push(session)
  }

  /** Whether the host may be given a datagram more: one that does not take them is given no more after a while. */
  addDatagram(make: () => Datagram): boolean {
    if (this.#waiting >= MOST_WAITING) return false
    this.#waiting++
    this.#datagrams.push(make())
    return true
  }

  /** The host took so many datagrams. */
  taken(datagrams: number): void {
    this.#waiting -= datagrams
  }

  flush(): void {
    if (this.#touched.length > 0 && (this.#isUrgent || this.#trafficTimer === undefined)) this.#addTraffic()
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

  #addTraffic(): void {
    this.#isUrgent = false
    for (const session of this.#touched) this.#reports.push({ type: 'trafficSeen', ...session.takeReport() })
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
