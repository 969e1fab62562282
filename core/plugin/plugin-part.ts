import { OperatorError } from '../config/operator-error.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Startable } from '../runtime/lifecycle.ts'
import type { Logger } from '../runtime/logger.ts'
import { after, SECOND } from '../runtime/time.ts'
import { errorText, stackText } from './error-text.ts'

/** Implementation of a plugin that has a `start` or a `stop`. */
export interface PluginPart {
  /** Name of the plugin. */
  readonly plugin: string
  readonly part: Startable
}

/** Maximum duration of a plugin's `start`; the host does not start if it takes longer. */
export const PLUGIN_START_MS = 30 * SECOND
/** Maximum duration of a plugin's `stop`; the host then stops without waiting longer. */
export const PLUGIN_STOP_MS = 10 * SECOND

/**
 * Wraps parts of plugins for a `Lifecycle`, with a deadline for each call. A `start` that fails or is late rejects with
 * an OperatorError that names the plugin: PLUGIN_START, PLUGIN_START_LATE. A `stop` that fails or is late is logged
 * with PLUGIN_STOP or PLUGIN_STOP_LATE, and resolves: a plugin cannot keep its host from stopping.
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

/** Runs a plugin's function and waits for it until a deadline. Never rejects. */
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
    // An async function, as a plugin's function may throw, and may return an object whose `then` throws.
    void (async () => work())().then(
      () => settle('done'),
      (error: unknown) => settle({ error }),
    )
  })
