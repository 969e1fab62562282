import type { ToPortal } from '../../core/control/messages.ts'
import type { LoadReading } from '../../core/runtime/machine-load.ts'
import type { Deadline, Machine } from '../../core/runtime/machine.ts'
import { OutputQueue } from '../../core/runtime/output-queue.ts'
import { after, SECOND, type Instant } from '../../core/runtime/time.ts'

export type LoadReportsInput =
  /** The portal wants reports in an interval. */
  | { type: 'reportsWanted'; intervalMs: number }
  /** There is a new connection to the portal, which has to ask again. */
  | { type: 'linkUp' }
  /** Answer to `readLoad`. */
  | { type: 'loadRead'; reading: LoadReading }

export type LoadReportsOutput =
  /** Read the counters of this machine; the answer is `loadRead`. */
  { type: 'readLoad' } | { type: 'say'; message: ToPortal<'gateway'> }

/** Reports about the load of a gateway's machine, from the differences between readings of its counters. */
export class LoadReports implements Machine<LoadReportsInput, LoadReportsOutput> {
  readonly #outputs = new OutputQueue<LoadReportsOutput>()
  #intervalMs: number | undefined
  #readAt: Instant | undefined
  #last: { reading: LoadReading; at: Instant } | undefined

  handle(input: LoadReportsInput, now: Instant): void {
    switch (input.type) {
      case 'reportsWanted':
        if (this.#intervalMs === undefined) this.#outputs.push({ type: 'readLoad' })
        this.#intervalMs = input.intervalMs
        return
      case 'linkUp':
        this.#intervalMs = undefined
        this.#readAt = undefined
        this.#last = undefined
        return
      case 'loadRead':
        return this.#note(input.reading, now)
    }
  }

  wake(now: Instant): void {
    if (this.#readAt === undefined || now < this.#readAt) return
    this.#readAt = undefined
    this.#outputs.push({ type: 'readLoad' })
  }

  poll(): LoadReportsOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#readAt === undefined ? undefined : { at: this.#readAt, reason: 'a report about the load' }
  }

  #note(reading: LoadReading, now: Instant): void {
    if (this.#intervalMs === undefined) return
    this.#readAt = after(now, this.#intervalMs)
    const last = this.#last
    this.#last = { reading, at: now }
    if (last === undefined || now <= last.at) return
    const share = ratio(reading.busyMs - last.reading.busyMs, reading.processorMs - last.reading.processorMs)
    const rate = ratio(difference(reading.deviceBytes, last.reading.deviceBytes), (now - last.at) / SECOND)
    const payload = {
      ...(share === undefined ? {} : { processor_share: Math.min(1, share) }),
      ...(rate === undefined ? {} : { bytes_per_second: Math.round(rate) }),
    }
    this.#outputs.push({ type: 'say', message: { event: 'gatewayLoad', payload } })
  }
}

const difference = (now: number | undefined, before: number | undefined): number =>
  now === undefined || before === undefined ? NaN : now - before

/** Undefined where counters went back, as those of a new device do, or are unknown. */
const ratio = (amount: number, of: number): number | undefined => (amount >= 0 && of > 0 ? amount / of : undefined)
