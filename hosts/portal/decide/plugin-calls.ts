import type { GatewaySelector } from '../../../core/contract/gateway-selector.ts'
import type { PolicyCondition } from '../../../core/contract/policy-condition.ts'
import type { RelayProvider } from '../../../core/contract/relay-provider.ts'
import type { Extension, Extensions } from '../../../core/contract/extension-point.ts'
import type { AskIsolated, IsolatedAnswer, IsolatedQuestion } from '../../../core/plugin/isolated-question.ts'
import type { PluginLog } from '../../../core/plugin/plugin-log.ts'
import { synchronousAnswer } from '../../../core/plugin/synchronous-answer.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'

export type WatchedPoint = 'condition' | 'selector' | 'relay'

/** Statistics of calls to one plugin. */
export interface PluginFigures {
  point: WatchedPoint
  key: string
  /**
   * Number of calls that answered in time; then of those that took too long, that threw, and that were skipped because
   * earlier ones were too slow.
   */
  answered: number
  slow: number
  failed: number
  spared: number
  seconds: number
  slowestSeconds: number
}

/** Time limit of one call: the portal serves nobody else while a plugin's method runs. */
export const CALL_DEADLINE_MS = 250
/** Number of slow calls in a row after which a plugin is not called for `REST_MS`. */
const MAX_SLOW_IN_A_ROW = 3
const REST_MS = 10 * SECOND

/**
 * Measures the synchronous calls to plugins and bounds the time that they can take. A call cannot be interrupted: one
 * that took too long throws afterwards, and a plugin that does so repeatedly is not called for a while. A returned
 * promise is an error. Callers treat these like any other failure: a condition denies, a selector is replaced by a
 * random choice, a peer is offered another relay.
 */
export class PluginCalls {
  readonly #clock: Pick<Clock, 'now'>
  readonly #log: Pick<PluginLog, 'of'>
  readonly #figures: PluginFigures[] = []

  constructor({ clock, log }: { clock: Pick<Clock, 'now'>; log: Pick<PluginLog, 'of'> }) {
    this.#clock = clock
    this.#log = log
  }

  conditions(extensions: Extensions<PolicyCondition>): Extensions<PolicyCondition> {
    return this.#watched('condition', extensions, (condition, guard) => ({
      evaluate: (question) => guard(() => condition.evaluate(question)),
    }))
  }

  selectors(extensions: Extensions<GatewaySelector>): Extensions<GatewaySelector> {
    return this.#watched('selector', extensions, (selector, guard) => ({
      select: (question) => guard(() => selector.select(question)),
    }))
  }

  relayProviders(extensions: Extensions<RelayProvider>): Extensions<RelayProvider> {
    return this.#watched('relay', extensions, (provider, guard) => ({
      relays: () => guard(() => provider.relays(), 'relays'),
      credentials: (question) => guard(() => provider.credentials(question)),
      ...(provider.watch && {
        watch: (changed) => guard(() => provider.watch?.(changed), 'watch') ?? ((): void => undefined),
      }),
    }))
  }

  /** Wraps the asking of plugins in threads of their own: their answers count, and failures are logged, as all others. */
  isolated(ask: AskIsolated): AskIsolated {
    return async (questions) => {
      const answers = await ask(questions)
      answers.forEach((answer, at) => {
        const question = questions[at]
        if (question !== undefined) this.#note(question, answer)
      })
      return answers
    }
  }

  #note({ point, plugin, key }: IsolatedQuestion, answer: IsolatedAnswer): void {
    const watched = point === 'policy-conditions' ? 'condition' : 'selector'
    const figures = this.#figures.find((each) => each.point === watched && each.key === key)
    if (figures === undefined) return
    figures.seconds += answer.seconds
    figures.slowestSeconds = Math.max(figures.slowestSeconds, answer.seconds)
    if ('answer' in answer) {
      figures.answered++
      return
    }
    figures[answer.outcome]++
    const { method, message } = POINTS[watched]
    if (answer.outcome !== 'spared') this.#log.of({ plugin, key }, message)(method, answer.failure)
  }

  figures(): readonly Readonly<PluginFigures>[] {
    return this.#figures
  }

  #watched<T>(point: WatchedPoint, extensions: Extensions<T>, wrap: (value: T, guard: Guard) => T): Extensions<T> {
    return new Map(
      [...extensions].map(([key, extension]): [string, Extension<T>] => {
        const figures: PluginFigures = {
          point,
          key,
          answered: 0,
          slow: 0,
          failed: 0,
          spared: 0,
          seconds: 0,
          slowestSeconds: 0,
        }
        this.#figures.push(figures)
        return [key, { ...extension, value: wrap(extension.value, this.#guard(figures, extension)) }]
      }),
    )
  }

  #guard(figures: PluginFigures, extension: { plugin: string; key: string }): Guard {
    const { method: usual, message } = POINTS[figures.point]
    const log = this.#log.of(extension, message)
    const failed = (error: unknown, method: string): unknown => {
      log(method, error)
      return error
    }
    let slowInARow = 0
    let restUntil: Instant | undefined
    return (call, method = usual) => {
      const begun = this.#clock.now()
      if (restUntil !== undefined && begun < restUntil) {
        figures.spared++
        throw new Error(`it was too slow ${MAX_SLOW_IN_A_ROW} times in a row, and is not called for a while`)
      }
      const outcome = outcomeOf(call)
      const milliseconds = this.#clock.now() - begun
      figures.seconds += milliseconds / SECOND
      figures.slowestSeconds = Math.max(figures.slowestSeconds, milliseconds / SECOND)
      if (milliseconds <= CALL_DEADLINE_MS) {
        slowInARow = 0
        if ('error' in outcome) {
          figures.failed++
          throw failed(outcome.error, method)
        }
        figures.answered++
        return outcome.answer
      }
      figures.slow++
      if (++slowInARow >= MAX_SLOW_IN_A_ROW) {
        slowInARow = 0
        restUntil = after(this.#clock.now(), REST_MS)
      }
      throw failed(new Error(`it took ${Math.round(milliseconds)} ms, and ${CALL_DEADLINE_MS} are allowed`), method)
    }
  }
}

/** Measures and bounds one call. `method` is for the log, where it is not the point's usual one. */
type Guard = <R>(call: () => R, method?: string) => R

/** Method of a point that is called, and what a failure of it comes to. */
const POINTS: Readonly<Record<WatchedPoint, { method: string; message: string }>> = {
  condition: { method: 'evaluate', message: 'a condition plugin failed: what it was asked about is denied' },
  selector: { method: 'select', message: 'a selector plugin failed: a gateway is drawn at random' },
  relay: {
    method: 'credentials',
    message: 'a relay plugin failed: the relays that it listed stay, and peers without its credentials get others',
  },
}

const outcomeOf = <R>(call: () => R): { answer: R } | { error: unknown } => {
  try {
    return { answer: synchronousAnswer(call()) }
  } catch (error) {
    return { error }
  }
}
