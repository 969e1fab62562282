import type { LogFields, Logger } from '../../core/runtime/logger.ts'

export interface LogLine {
  level: 'trace' | 'debug' | 'info' | 'warn' | 'error'
  fields: LogFields
  message: string
}

/** Keeps what is logged, for assertions. */
export class RecordingLogger implements Logger {
  readonly lines: LogLine[]
  readonly #fields: LogFields

  constructor(lines: LogLine[] = [], fields: LogFields = {}) {
    this.lines = lines
    this.#fields = fields
  }

  readonly trace = this.#at('trace')
  readonly debug = this.#at('debug')
  readonly info = this.#at('info')
  readonly warn = this.#at('warn')
  readonly error = this.#at('error')

  with(fields: LogFields): Logger {
    return new RecordingLogger(this.lines, { ...this.#fields, ...fields })
  }

  #at(level: LogLine['level']) {
    return (fields: LogFields, message: string): void => {
      this.lines.push({ level, fields: { ...this.#fields, ...fields }, message })
    }
  }
}
