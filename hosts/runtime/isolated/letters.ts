import type { AskedPoint } from '../../../core/plugin/isolated-question.ts'
import type { MetricLabels } from '../../../core/runtime/metrics.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'

/** Question to a condition or selector in a thread. Its settings are sent with the first that has them. */
export interface SentQuestion {
  point: AskedPoint
  key: string
  settingsId: number
  settings?: { stored: unknown }
  about: Readonly<Record<string, unknown>>
  at: UnixTime
}

/** Answer of a condition or selector, with the time that it took. */
export type SentAnswer = { seconds: number } & ({ answer: unknown } | { message: string; stack: string })

/** Message of a host to the thread of a plugin. */
export type ToThread =
  /** Questions to answer in one go; all settings that were sent before are forgotten if `forgets`. */
  | { type: 'ask'; questions: readonly SentQuestion[]; forgets: boolean }
  | { type: 'refresh'; id: number; key: string; keys: readonly string[] }
  /** Nobody waits for this refresh any more. */
  | { type: 'abort'; id: number }
  | { type: 'watch'; key: string }
  | { type: 'unwatch'; key: string }
  /** Asks whether the thread is alive. */
  | { type: 'ping' }
  | { type: 'stop' }

/** Message of the thread of a plugin to its host. */
export type FromThread =
  | { type: 'ready' }
  /** The plugin could not be loaded, created or started. */
  | { type: 'refused'; code: string; message: string; stack: string | undefined }
  | { type: 'answered'; answers: readonly SentAnswer[] }
  | { type: 'refreshed'; id: number; snapshot: unknown }
  | { type: 'refreshFailed'; id: number; message: string; stack: string }
  | { type: 'changed'; key: string }
  | { type: 'pong' }
  | { type: 'logged'; level: LogLevel; fields: Readonly<Record<string, unknown>>; message: string }
  | { type: 'measured'; call: 'count' | 'set'; name: string; value: number; labels: MetricLabels }
  /** A promise was rejected that nobody handles. */
  | { type: 'stray'; message: string; stack: string }
  | { type: 'stopped' }

type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error'

/** Data that the thread of a plugin is started with, beside what the host's own module for it needs. */
export interface ThreadSetUp {
  /** Memory of one 32-bit integer, in which the thread says at which of the questions in hand it is; -1 at none. */
  position: SharedArrayBuffer
}
