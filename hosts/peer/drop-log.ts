import type { Clock } from '../../core/runtime/clock.ts'
import { DropReport } from '../../core/runtime/drop-report.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import { after, MINUTE } from '../../core/runtime/time.ts'

export interface DropLogOptions {
  clock: Clock
  logger: Logger
  /** Returns the number of drops so far by part and reason. */
  counters: () => Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** Logs the drops of each minute by reason, if there were any. Returns a function that ends the logging. */
export const logDrops = ({ clock, logger, counters }: DropLogOptions): (() => void) => {
  const report = new DropReport()
  let cancel: () => void
  const arm = (): void => {
    cancel = clock.wake(after(clock.now(), MINUTE), () => {
      const dropped = report.since(counters())
      if (dropped !== undefined) logger.info({ dropped }, 'dropped within a minute')
      arm()
    })
  }
  arm()
  return () => cancel()
}
