import { token } from '../di.ts'

/**
 * Structured log. The level is who is woken: per packet trace, a branch taken debug, a state that matters info,
 * what would wake a person warn, what stops the host error. Addresses and names of resources not above debug.
 */
export interface Logger {
  trace: (fields: LogFields, message: string) => void
  debug: (fields: LogFields, message: string) => void
  info: (fields: LogFields, message: string) => void
  warn: (fields: LogFields, message: string) => void
  error: (fields: LogFields, message: string) => void
  /** A logger that adds these fields to each line. */
  with: (fields: LogFields) => Logger
}

export type LogFields = Readonly<Record<string, unknown>>

export const Logger = token<Logger>('logger')
