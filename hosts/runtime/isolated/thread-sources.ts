import type { IsolatedPlugin } from '../../../core/plugin/isolation.ts'
import type { FromThread, ToThread } from './letters.ts'
import { withStack } from './plugin-thread.ts'

interface Refresh {
  resolve: (snapshot: never) => void
  reject: (error: Error) => void
}

export interface ThreadSourcesOptions {
  send: (letter: ToThread) => void
  isReady: () => boolean
  /** Called when the thread does not react. */
  replace: (why: string) => void
}

/** Letters of a thread that concern its fact sources. */
type AboutSources = Extract<FromThread, { type: 'refreshed' | 'refreshFailed' | 'changed' | 'pong' }>

/** Time in which a thread answers a ping. */
const PONG_MS = 1_000

/** Fact sources of a plugin in a thread, as their host calls them. */
export class ThreadSources {
  readonly #options: ThreadSourcesOptions
  readonly #refreshes = new Map<number, Refresh>()
  readonly #watches = new Map<string, () => void>()
  #lastId = 0
  #pinged: NodeJS.Timeout | undefined

  constructor(options: ThreadSourcesOptions) {
    this.#options = options
  }

  source(key: string): ReturnType<IsolatedPlugin['factSource']> {
    return {
      refresh: async ({ keys, signal }) =>
        new Promise((resolve, reject) => {
          if (!this.#options.isReady()) return reject(new Error('its thread does not run at the moment'))
          const id = ++this.#lastId
          this.#refreshes.set(id, { resolve, reject })
          this.#options.send({ type: 'refresh', id, key, keys })
          signal.addEventListener('abort', () => this.#abort(id), { once: true })
        }),
      watch: (changed) => {
        this.#watches.set(key, changed)
        this.#options.send({ type: 'watch', key })
        return () => {
          this.#watches.delete(key)
          this.#options.send({ type: 'unwatch', key })
        }
      },
    }
  }

  take(letter: AboutSources): void {
    switch (letter.type) {
      case 'refreshed':
        return this.#settle(letter.id, ({ resolve }) => resolve(letter.snapshot as never))
      case 'refreshFailed':
        return this.#settle(letter.id, ({ reject }) => reject(withStack(letter.message, letter.stack)))
      case 'changed':
        return this.#watches.get(letter.key)?.()
      case 'pong':
        clearTimeout(this.#pinged)
        this.#pinged = undefined
    }
  }

  /** The thread has started: changes are watched, and what may have changed meanwhile is fetched. */
  ready(): void {
    for (const [key, changed] of this.#watches) {
      this.#options.send({ type: 'watch', key })
      changed()
    }
  }

  /** The thread has ended: nothing that it was asked for comes any more. */
  gone(): void {
    clearTimeout(this.#pinged)
    this.#pinged = undefined
    for (const { reject } of this.#refreshes.values()) reject(new Error('its thread was replaced'))
    this.#refreshes.clear()
  }

  #abort(id: number): void {
    if (!this.#refreshes.delete(id)) return
    this.#options.send({ type: 'abort', id })
    if (this.#pinged !== undefined) return
    this.#options.send({ type: 'ping' })
    this.#pinged = setTimeout(() => this.#options.replace('it does not react to its host'), PONG_MS)
  }

  #settle(id: number, by: (refresh: Refresh) => void): void {
    const refresh = this.#refreshes.get(id)
    this.#refreshes.delete(id)
    if (refresh !== undefined) by(refresh)
  }
}
