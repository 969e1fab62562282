import { pino, type DestinationStream, type Logger as Pino } from 'pino'
import { visibleText } from './visible-text.ts'
import type { LogFields, Logger } from '../../core/runtime/logger.ts'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'

export interface LoggerOptions {
  /** Least urgent level that is written; `info` by default. */
  level?: LogLevel
  /** Value of the field `name` of each line. */
  name?: string
  /** Destination of the lines; standard error by default, as standard output is for a command's result. */
  destination?: DestinationStream
}

/** Logger that writes one JSON object per line. Secrets print as `[secret]`, errors with code, message and stack. */
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

/**
 * Returns standard error as a destination. A full disk or a reader that has gone loses lines and does not end the
 * process.
 */
const standardError = (): DestinationStream => {
  const stream = pino.destination({ fd: 2, sync: true })
  stream.on('error', () => undefined)
  // Standard error may be a terminal, and logged names come from peers: escape sequences must not reach it.
  return { write: (line) => stream.write(visibleText(line)) }
}

/** Replaces each Error among the fields by a plain object, as an Error's own members would not be serialized. */
const plainErrors = (fields: LogFields): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      value instanceof Error ? pino.stdSerializers.err(value) : value,
    ]),
  )
