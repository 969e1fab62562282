import type { LogFields, Logger } from './logger.ts'

/** Log line of a client or a gateway: what happened, to what, and why. */
export interface Note {
  type: 'note'
  /** Level of the log line; info by default. */
  level?: 'info' | 'warn'
  message: string
  /** Ids, reasons and numbers, but no names of resources and no addresses. */
  fields: LogFields
  /** Names and addresses, logged at level debug only. */
  detail?: LogFields
}

/** Logs a note at its level, and once more at debug if it has details. */
export const writeNote = ({ level = 'info', message, fields, detail }: Note, logger: Logger): void => {
  logger[level](fields, message)
  if (detail !== undefined) logger.debug({ ...fields, ...detail }, message)
}
