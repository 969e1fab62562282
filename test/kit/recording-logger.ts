import type { LogFields, Logger } from '../../core/runtime/logger.ts'

export interface LogLine {
  level: 'trace' | 'debug' | 'info' | 'warn' | 'error'
  fields: LogFields
  message: string
}

/** A logger that keeps all lines, for assertions. */
export class RecordingLogger implements Logger {
  readonly lines: LogLine[]
  readonly #fields: LogFields
  readonly #waiting: Set<(line: LogLine) => void>

  constructor(lines: LogLine[] = [], fields: LogFields = {}, waiting = new Set<(line: LogLine) => void>()) {
    this.lines = lines
    this.#fields = fields
    this.#waiting = waiting
  }

  /** Resolves with the next line whose message matches; earlier lines do not count. */
  async next(message: RegExp): Promise<LogLine> {
    return new Promise((resolve) => {
      const look = (line: LogLine): void => {
        if (!message.test(line.message)) return
        this.#waiting.delete(look)
        resolve(line)
      }
      this.#waiting.add(look)
    })
  }

  readonly trace = this.#at('trace')
  readonly debug = this.#at('debug')
  readonly info = this.#at('info')
  readonly warn = this.#at('warn')
  readonly error = this.#at('error')

  with(fields: LogFields): Logger {
    return new RecordingLogger(this.lines, { ...this.#fields, ...fields }, this.#waiting)
  }

  #at(level: LogLine['level']) {
    return (fields: LogFields, message: string): void => {
      const line = { level, fields: { ...this.#fields, ...fields }, message }
      this.lines.push(line)
      for (const look of this.#waiting) look(line)
    }
  }
}
