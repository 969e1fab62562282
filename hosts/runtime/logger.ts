import { pino, type DestinationStream, type Logger as Pino } from 'pino'
import { visibleText } from './visible-text.ts'
import type { LogFields, Logger } from '../../core/runtime/logger.ts'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'

export interface LoggerOptions {
  /** What is less urgent is not written; `info` by default. */
  level?: LogLevel
  /** Named in each line, beside the fields. */
  name?: string
  /** Where the lines go; standard error by default, so that standard output stays for what was asked. */
  destination?: DestinationStream
}

/** One JSON object per line. Secrets print as `[secret]`, errors with their code, message and stack. */
export class PinoLogger implements Logger {
  readonly #pino: Pino

  private constructor(inner: Pino) {
    this.#pino = inner
  }

  static open({ level = 'info', name, destination }: LoggerOptions = {}): PinoLogger {
    return new PinoLogger(
      pino(
        {
          level,
          base: name === undefined ? {} : { name },
          timestamp: pino.stdTimeFunctions.isoTime,
          formatters: { level: (label) => ({ level: label }), log: plainErrors },
        },
        destination ?? standardError(),
      ),
    )
  }

  trace(fields: LogFields, message: string): void {
    this.#pino.trace(fields, message)
  }

  debug(fields: LogFields, message: string): void {
    this.#pino.debug(fields, message)
  }

  info(fields: LogFields, message: string): void {
    this.#pino.info(fields, message)
  }

  warn(fields: LogFields, message: string): void {
    this.#pino.warn(fields, message)
  }

  error(fields: LogFields, message: string): void {
    this.#pino.error(fields, message)
  }

  with(fields: LogFields): Logger {
    return new PinoLogger(this.#pino.child(plainErrors(fields)))
  }
}

/** Standard error as a destination. A disk that is full, or a reader that has gone, costs lines and not the process. */
const standardError = (): DestinationStream => {
  const stream = pino.destination({ fd: 2, sync: true })
  stream.on('error', () => undefined)
  // It may be a terminal, and names come from elsewhere.
  return { write: (line) => stream.write(visibleText(line)) }
}

/** An Error has no enumerable members of its own: under whatever name it is logged, it is spelled out. */
const plainErrors = (fields: LogFields): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      value instanceof Error ? pino.stdSerializers.err(value) : value,
    ]),
  )
