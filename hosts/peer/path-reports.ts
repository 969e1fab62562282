import type { PathFields } from '../../core/control/reported-path.ts'
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

/** Path to a peer, as the portal is told of it. */
export interface PathToPeer extends PathFields {
  /** Id of the peer. */
  peer: string
}

/** Report for the portal. */
export interface PathReportsOutput {
  type: 'report'
  /** All paths. */
  paths: readonly PathToPeer[]
  /** Those that have changed since they were reported, and with the kind `none` those that are gone. */
  changed: readonly PathToPeer[]
}

/** Time after a change of a path until it is reported; a better one is often found within it. */
const SETTLED_MS = 2 * SECOND
/** Change of a round trip that is worth a report: by half, and more than a millisecond. */
const FACTOR = 1.5
const LEAST_MS = 1
/** Change of the share of lost checks that is worth a report. */
const LOSS = 0.05

/** Reports to the portal how packets go to peers: only what has changed by more than a little. */
export class PathReports implements Machine<PathReportsInput, PathReportsOutput> {
  readonly #read: () => readonly PathToPeer[]
  readonly #outputs = new OutputQueue<PathReportsOutput>()
  #intervalMs: number | undefined
  #lookAt: Instant | undefined
  readonly #told = new Map<string, PathToPeer>()

  /** `read` returns the present paths. */
  constructor(read: () => readonly PathToPeer[]) {
    this.#read = read
  }

  handle(input: PathReportsInput, now: Instant): void {
    if (input.type === 'pathChanged') {
      const soon = after(now, SETTLED_MS)
      if (this.#lookAt !== undefined && soon < this.#lookAt) this.#lookAt = soon
      return
    }
    this.#told.clear()
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
    const paths = this.#read()
    const present = new Set(paths.map(({ peer }) => peer))
    const gone = [...this.#told.keys()].filter((peer) => !present.has(peer))
    const unlike = paths.filter((path) => !isLike(path, this.#told.get(path.peer)))
    if (gone.length === 0 && unlike.length === 0) return
    for (const peer of gone) this.#told.delete(peer)
    for (const path of unlike) this.#told.set(path.peer, path)
    const changed = [...unlike, ...gone.map((peer): PathToPeer => ({ peer, kind: 'none' }))]
    this.#outputs.push({ type: 'report', paths, changed })
  }
}

/** Whether a path is about as it was reported. */
const isLike = (path: PathToPeer, told: PathToPeer | undefined): boolean =>
  told !== undefined &&
  path.kind === told.kind &&
  path.relay === told.relay &&
  path.why === told.why &&
  isLikeTrip(path.ms, told.ms) &&
  Math.abs(lossOf(path) - lossOf(told)) < LOSS

const isLikeTrip = (ms: number | undefined, told: number | undefined): boolean =>
  ms === undefined || told === undefined
    ? ms === told
    : Math.abs(ms - told) <= LEAST_MS || (ms < told * FACTOR && told < ms * FACTOR)

const lossOf = ({ lost = 0, of = 1 }: PathToPeer): number => lost / of
