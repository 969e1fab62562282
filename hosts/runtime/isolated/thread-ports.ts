import type { LogFields, Logger } from '../../../core/runtime/logger.ts'
import type { MetricLabels, Metrics } from '../../../core/runtime/metrics.ts'
import type { FromThread } from './letters.ts'

type Post = (letter: FromThread) => void

/** Logger of a plugin's thread: the host writes the lines. */
export class ThreadLogger implements Logger {
  readonly #post: Post
  readonly #fields: LogFields

  constructor(post: Post, fields: LogFields = {}) {
    this.#post = post
    this.#fields = fields
  }

  readonly trace = this.#at('trace')
  readonly debug = this.#at('debug')
  readonly info = this.#at('info')
  readonly warn = this.#at('warn')
  readonly error = this.#at('error')

  with(fields: LogFields): Logger {
    return new ThreadLogger(this.#post, { ...this.#fields, ...fields })
  }

  #at(level: (FromThread & { type: 'logged' })['level']) {
    return (fields: LogFields, message: string): void => {
      this.#post({
        type: 'logged',
        level,
        fields: plainFields({ ...this.#fields, ...fields }),
        // oxlint-disable-next-line typescript/no-unnecessary-type-conversion -- a plugin in JavaScript may pass anything
        message: String(message),
      })
    }
  }
}

/** Metrics of a plugin's thread: the host keeps them. */
export class ThreadMetrics implements Metrics {
  readonly #post: Post
  readonly #labels: MetricLabels

  constructor(post: Post, labels: MetricLabels = {}) {
    this.#post = post
    this.#labels = labels
  }

  count(name: string, labels: MetricLabels = {}, by = 1): void {
    this.#measured('count', { name, labels, value: by })
  }

  set(name: string, value: number, labels: MetricLabels = {}): void {
    this.#measured('set', { name, labels, value })
  }

  with(labels: MetricLabels): Metrics {
    return new ThreadMetrics(this.#post, { ...labels, ...this.#labels })
  }

  #measured(
    call: 'count' | 'set',
    { name, labels, value }: { name: string; labels: MetricLabels; value: number },
  ): void {
    const all = plainFields({ ...labels, ...this.#labels }) as MetricLabels
    // oxlint-disable-next-line typescript/no-unnecessary-type-conversion -- a plugin in JavaScript may pass anything
    this.#post({ type: 'measured', call, name: String(name), value: Number(value), labels: all })
  }
}

/** Copies fields as JSON has them, which every message can carry: secrets print as `[secret]`, errors have their stack. */
const plainFields = (fields: LogFields): LogFields =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value)]))

const plain = (value: unknown): unknown => {
  try {
    if (value instanceof Error) return { type: value.name, message: value.message, stack: value.stack }
    return JSON.parse(JSON.stringify(value) ?? 'null') as unknown
  } catch {
    return 'a value that cannot be shown'
  }
}
