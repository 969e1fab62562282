import type { UnixTime } from '../runtime/time.ts'

/** Extension points whose implementations answer questions and can do so in a thread of their own. */
export type AskedPoint = 'policy-conditions' | 'gateway-selectors'

/** Question to a condition or selector that runs in a thread of its own. */
export interface IsolatedQuestion {
  plugin: string
  point: AskedPoint
  key: string
  /** Object that the settings belong to. They are sent to the thread once for each such object. */
  owner: object
  /** Settings as they are stored: the thread validates them by the plugin's schema. */
  settings: unknown
  /** All other members of the question: plain data. */
  about: Readonly<Record<string, unknown>>
  /** Text that two questions have in common if the answer to one is an answer to the other, settings and time apart. */
  text: string
  at: UnixTime
}

/** Answer of an isolated plugin, not checked yet; or why there is none, as for any plugin that fails. */
export type IsolatedAnswer = { seconds: number } & (
  | { answer: unknown }
  | { failure: Error; outcome: 'slow' | 'failed' | 'spared' }
)

/** Asks isolated plugins. Resolves, soon and always, with the answers in the order of the questions. */
export type AskIsolated = (questions: readonly IsolatedQuestion[]) => Promise<readonly IsolatedAnswer[]>
