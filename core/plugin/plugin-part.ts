import { OperatorError } from '../config/operator-error.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Startable } from '../runtime/lifecycle.ts'
import type { Logger } from '../runtime/logger.ts'
import { after, SECOND } from '../runtime/time.ts'
import { errorText, stackText } from './error-text.ts'

/** Thing that a plugin created and that has a start or a stop. */
export interface PluginPart {
  /** Name of the plugin. */
  readonly plugin: string
  readonly part: Startable
}

/** Time that the `start` of a plugin may take; the host does not start without it. */
export const PLUGIN_START_MS = 30 * SECOND
/** Time that the `stop` of a plugin may take; the host goes on stopping without it. */
export const PLUGIN_STOP_MS = 10 * SECOND

/**
 * Parts of plugins for a lifecycle, with deadlines. A `start` that fails or does not return throws an OperatorError that names the plugin,
 * PLUGIN_START or PLUGIN_START_LATE. A `stop` that fails or does not return is logged, with PLUGIN_STOP or PLUGIN_STOP_LATE, and is over
 * all the same: a plugin cannot keep its host from ending.
 */
export const pluginParts = (
  parts: readonly PluginPart[],
  { clock, logger }: { clock: Pick<Clock, 'now' | 'wake'>; logger: Logger },
): readonly Startable[] =>
  parts.map(({ plugin, part }) => ({
    start: async () => {
      const outcome = await within(clock, PLUGIN_START_MS, () => part.start?.())
      if (outcome === 'done') return
      if (outcome === 'late') {
        throw new OperatorError(
          'PLUGIN_START_LATE',
          `the plugin ${plugin} has not started within ${PLUGIN_START_MS / SECOND} s.`,
          'Look at what it waits for, or remove it from the configuration.',
        )
      }
      const { error } = outcome
      if (error instanceof OperatorError) throw error
      throw new OperatorError('PLUGIN_START', `the plugin ${plugin} did not start: ${errorText(error)}.`, undefined, {
        cause: error,
      })
    },
    stop: async () => {
      const outcome = await within(clock, PLUGIN_STOP_MS, () => part.stop?.())
      if (outcome === 'late') {
        logger.warn(
          { plugin, code: 'PLUGIN_STOP_LATE' },
          `a plugin has not stopped within ${PLUGIN_STOP_MS / SECOND} s`,
        )
      } else if (outcome !== 'done') {
        const fields = {
          plugin,
          code: 'PLUGIN_STOP',
          reason: errorText(outcome.error),
          stack: stackText(outcome.error),
        }
        logger.warn(fields, 'a plugin failed to stop')
      }
    },
  }))

type Outcome = 'done' | 'late' | { error: unknown }

/** Runs some work of a plugin, and waits for it until a deadline. Never rejects. */
const within = async (
  clock: Pick<Clock, 'now' | 'wake'>,
  milliseconds: number,
  work: () => Promise<void> | void,
): Promise<Outcome> =>
  new Promise((resolve) => {
    const cancel = clock.wake(after(clock.now(), milliseconds), () => resolve('late'))
    const settle = (outcome: Outcome): void => {
      cancel()
      resolve(outcome)
    }
    // What is called, and what it answers, is somebody else's: both may throw, and what is awaited may be no promise.
    void (async () => work())().then(
      () => settle('done'),
      (error: unknown) => settle({ error }),
    )
  })
