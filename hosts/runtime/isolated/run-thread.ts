import { performance } from 'node:perf_hooks'
import { parentPort, workerData } from 'node:worker_threads'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { catchPromises } from '../../../core/plugin/caught-promises.ts'
import { errorText, stackText } from '../../../core/plugin/error-text.ts'
import type { IsolatedImplementations } from '../../../core/plugin/isolated-implementations.ts'
import type { FromThread, SentAnswer, SentQuestion, ThreadSetUp, ToThread } from './letters.ts'

/** Sends a message to the host of this thread. */
export const post = (letter: FromThread): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's, not a window's
  parentPort?.postMessage(letter)
}

/** Runs the plugin that `create` makes, in this thread, until the host says `stop`. */
export const runThread = async (create: () => Promise<IsolatedImplementations>): Promise<void> => {
  process.on('unhandledRejection', (error) =>
    post({ type: 'stray', message: errorText(error), stack: stackText(error) }),
  )
  try {
    const implementations = await create()
    for (const { part } of implementations.parts) await part.start?.()
    const work = new ThreadWork(implementations, (workerData as ThreadSetUp).position)
    parentPort?.on('message', (letter: ToThread) => work.take(letter))
    post({ type: 'ready' })
  } catch (error) {
    const isOperators = error instanceof OperatorError
    const code = isOperators ? error.code : 'PLUGIN_START'
    const cause = isOperators ? error.cause : error
    const message = isOperators ? error.message : errorText(error)
    post({ type: 'refused', code, message, stack: cause === undefined ? undefined : stackText(cause) })
  }
}

class ThreadWork {
  readonly #implementations: IsolatedImplementations
  readonly #position: Int32Array
  /** Validated settings, or why they are not valid, by the ids that the host gave them. */
  readonly #settings = new Map<number, { settings: unknown } | { error: unknown }>()
  readonly #refreshes = new Map<number, AbortController>()
  readonly #watches = new Map<string, () => void>()

  constructor(implementations: IsolatedImplementations, position: SharedArrayBuffer) {
    this.#implementations = implementations
    this.#position = new Int32Array(position)
  }

  take(letter: ToThread): void {
    switch (letter.type) {
      case 'ask':
        if (letter.forgets) this.#settings.clear()
        return post({ type: 'answered', answers: this.#answers(letter.questions) })
      case 'refresh':
        return void this.#refresh(letter)
      case 'abort':
        return this.#refreshes.get(letter.id)?.abort(new Error('nobody waits for it any more'))
      case 'watch':
        return this.#watch(letter.key)
      case 'unwatch':
        this.#watches.get(letter.key)?.()
        this.#watches.delete(letter.key)
        return
      case 'ping':
        return post({ type: 'pong' })
      case 'stop':
        return void this.#stop()
    }
  }

  #answers(questions: readonly SentQuestion[]): SentAnswer[] {
    const answers = questions.map((question, at) => {
      Atomics.store(this.#position, 0, at)
      return this.#answer(question)
    })
    Atomics.store(this.#position, 0, -1)
    return answers
  }

  #answer({ settingsId, settings, ...question }: SentQuestion): SentAnswer {
    const begun = performance.now()
    const seconds = (): number => (performance.now() - begun) / 1_000
    try {
      if (settings !== undefined) this.#validate(settingsId, question, settings.stored)
      const known = this.#settings.get(settingsId)
      if (known === undefined) throw new Error('its settings were not sent')
      if ('error' in known) throw known.error
      const answer = this.#implementations.answer({ ...question, settings: known.settings })
      return { answer, seconds: seconds() }
    } catch (error) {
      return { message: errorText(error), stack: stackText(error), seconds: seconds() }
    }
  }

  #validate(settingsId: number, question: Pick<SentQuestion, 'point' | 'key'>, stored: unknown): void {
    try {
      this.#settings.set(settingsId, { settings: this.#implementations.validated(question, stored) })
    } catch (error) {
      this.#settings.set(settingsId, { error })
    }
  }

  async #refresh({ id, key, keys }: ToThread & { type: 'refresh' }): Promise<void> {
    const abort = new AbortController()
    this.#refreshes.set(id, abort)
    try {
      const question = Object.freeze({ keys: Object.freeze(keys), signal: abort.signal })
      const snapshot: unknown = await this.#implementations.factSource(key).refresh(question)
      catchPromises(snapshot)
      post({ type: 'refreshed', id, snapshot })
    } catch (error) {
      post({ type: 'refreshFailed', id, message: errorText(error), stack: stackText(error) })
    } finally {
      this.#refreshes.delete(id)
    }
  }

  #watch(key: string): void {
    try {
      const unwatch = this.#implementations.factSource(key).watch?.(() => post({ type: 'changed', key }))
      if (unwatch !== undefined) this.#watches.set(key, unwatch)
    } catch (error) {
      post({ type: 'stray', message: errorText(error), stack: stackText(error) })
    }
  }

  async #stop(): Promise<void> {
    for (const abort of this.#refreshes.values()) abort.abort(new Error('the portal stops'))
    for (const { part } of this.#implementations.parts.toReversed()) {
      try {
        await part.stop?.()
      } catch (error) {
        post({ type: 'stray', message: errorText(error), stack: stackText(error) })
      }
    }
    post({ type: 'stopped' })
  }
}
