import type { AskIsolated, IsolatedAnswer } from '../../core/plugin/isolated-question.ts'
import type { Isolation } from '../../core/plugin/isolation.ts'
import type { PluginContext } from '../../core/plugin/define-plugin.ts'
import type { PluginLog } from '../../core/plugin/plugin-log.ts'
import type { PluginUse } from '../../core/plugin/plugin-setup.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import type { Metrics } from '../../core/runtime/metrics.ts'
import { QUESTION_MS, ThreadedPlugin } from '../runtime/isolated/threaded-plugin.ts'
import type { IsolatedWorkerSetUp } from './isolated-worker-set-up.ts'

export interface IsolatedPluginsOptions {
  context: PluginContext
  /** Networks besides the Internet that plugins may send requests to. */
  privateNetworks: readonly string[]
  /** Whether the environment's proxy resolves the names of plugins' requests. */
  proxyResolvesNames: boolean
  /** Time limit of a question; 250 ms if undefined. */
  questionMs: number | undefined
  logger: Logger
  metrics: Metrics
  log: PluginLog
}

/** Plugins of a portal that its configuration isolates, each in a thread of its own. */
export class IsolatedPlugins implements Isolation {
  readonly #options: IsolatedPluginsOptions
  readonly #plugins = new Map<string, ThreadedPlugin>()

  constructor(options: IsolatedPluginsOptions) {
    this.#options = options
  }

  open({ definition: { name: plugin }, entry, source }: PluginUse): ThreadedPlugin | undefined {
    if (entry === undefined) return undefined
    const { context, privateNetworks, proxyResolvesNames, questionMs = QUESTION_MS, ...ports } = this.#options
    const setUp: IsolatedWorkerSetUp = { entry, source, context, privateNetworks, proxyResolvesNames }
    const threaded = new ThreadedPlugin({ plugin, module: MODULE, setUp, questionMs, ...ports })
    this.#plugins.set(plugin, threaded)
    return threaded
  }

  /** Asks conditions and selectors, those of different plugins at the same time. */
  readonly ask: AskIsolated = async (questions) => {
    const answers: IsolatedAnswer[] = []
    const indexes = questions.map((_, index) => index)
    await Promise.all(
      [...new Set(questions.map(({ plugin }) => plugin))].map(async (plugin) => {
        const asked = questions.filter((question) => question.plugin === plugin)
        const given = await this.#plugins.get(plugin)?.ask(asked)
        const places = indexes.filter((index) => questions[index]?.plugin === plugin)
        places.forEach((index, at) => (answers[index] = given?.[at] ?? NO_THREAD))
      }),
    )
    return answers
  }
}

const NO_THREAD: IsolatedAnswer = { failure: new Error('it has no thread'), outcome: 'failed', seconds: 0 }

/** The source if it is run without compilation. */
const MODULE = new URL(
  import.meta.url.endsWith('.ts') ? './isolated-worker.ts' : './isolated-worker.js',
  import.meta.url,
)
