import type { ToPortal } from '../../core/control/messages.ts'
import { MAX_REPORTED_PATHS, type ReportedPath } from '../../core/control/client-messages.ts'
import type { Deadline, Machine } from '../../core/runtime/machine.ts'
import { OutputQueue } from '../../core/runtime/output-queue.ts'
import { after, SECOND, type Instant } from '../../core/runtime/time.ts'

export type PathReportsInput =
  /** The portal wants reports in an interval. */
  | { type: 'reportsWanted'; intervalMs: number }
  /** A path was taken or lost. */
  | { type: 'pathChanged' }
  /** There is a new connection to the portal, which has to ask again. */
  | { type: 'linkUp' }

export interface PathReportsOutput {
  type: 'say'
  message: ToPortal<'client'>
}

/** Time after a change of a path until it is reported; a better one is often found within it. */
const SETTLED_MS = 2 * SECOND
/** Change of a round trip that is worth a report: by half, and more than a millisecond. */
const FACTOR = 1.5
const LEAST_MS = 1
/** Change of the share of lost checks that is worth a report. */
const LOSS = 0.05

/** Reports to the portal how a client's packets go to gateways: only what has changed by more than a little. */
export class PathReports implements Machine<PathReportsInput, PathReportsOutput> {
  readonly #read: () => readonly ReportedPath[]
  readonly #outputs = new OutputQueue<PathReportsOutput>()
  #intervalMs: number | undefined
  #lookAt: Instant | undefined
  #told: readonly ReportedPath[] = []

  /** `read` returns the present paths. */
  constructor(read: () => readonly ReportedPath[]) {
    this.#read = read
  }

  handle(input: PathReportsInput, now: Instant): void {
    if (input.type === 'pathChanged') {
      const soon = after(now, SETTLED_MS)
      if (this.#lookAt !== undefined && soon < this.#lookAt) this.#lookAt = soon
      return
    }
    this.#told = []
    this.#intervalMs = input.type === 'reportsWanted' ? input.intervalMs : undefined
    this.#look(now)
  }

  wake(now: Instant): void {
    if (this.#lookAt !== undefined && now >= this.#lookAt) this.#look(now)
  }

  poll(): PathReportsOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#lookAt === undefined ? undefined : { at: this.#lookAt, reason: 'a report about paths' }
  }

  #look(now: Instant): void {
    this.#lookAt = this.#intervalMs === undefined ? undefined : after(now, this.#intervalMs)
    if (this.#intervalMs === undefined) return
    const paths = this.#read().slice(0, MAX_REPORTED_PATHS)
    if (paths.length === this.#told.length && paths.every((path, at) => isLike(path, this.#told[at]))) return
    this.#told = paths
    this.#outputs.push({ type: 'say', message: { event: 'clientPaths', payload: { paths: [...paths] } } })
  }
}

/** Whether a path is about as it was reported. */
const isLike = (path: ReportedPath, told: ReportedPath | undefined): boolean =>
  told !== undefined &&
  path.gateway_id === told.gateway_id &&
  path.kind === told.kind &&
  path.relay === told.relay &&
  path.why === told.why &&
  isLikeTrip(path.ms, told.ms) &&
  Math.abs(lossOf(path) - lossOf(told)) < LOSS

const isLikeTrip = (ms: number | undefined, told: number | undefined): boolean =>
  ms === undefined || told === undefined
    ? ms === told
    : Math.abs(ms - told) <= LEAST_MS || (ms < told * FACTOR && told < ms * FACTOR)

const lossOf = ({ lost = 0, of = 1 }: ReportedPath): number => lost / of
