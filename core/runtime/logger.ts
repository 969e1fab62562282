import { token } from '../di.ts'

/**
 * Structured log. Levels: trace for each packet, debug for decisions, info for state changes that matter, warn for what
 * somebody should be woken for, error for what stops the host. Addresses and names of resources appear at debug and
 * trace only.
 */
export interface Logger {
  trace: (fields: LogFields, message: string) => void
  debug: (fields: LogFields, message: string) => void
  info: (fields: LogFields, message: string) => void
  warn: (fields: LogFields, message: string) => void
  error: (fields: LogFields, message: string) => void
  /** Returns a logger that adds these fields to each line. */
  with: (fields: LogFields) => Logger
}

export type LogFields = Readonly<Record<string, unknown>>

export const Logger = token<Logger>('logger')
