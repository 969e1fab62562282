import type { LogFields, Logger } from './logger.ts'

/** A line for the log about the life of a client or a gateway: what happened, to what, and why. */
export interface Note {
  type: 'note'
  /** Info where it is absent. */
  level?: 'info' | 'warn'
  message: string
  /** Ids, reasons and numbers. Names of resources and addresses are no part of it. */
  fields: LogFields
  /** Addresses and names, for level debug only. */
  detail?: LogFields
}

/** Writes a note at its level, and at debug once more with its details. */
export const writeNote = ({ level = 'info', message, fields, detail }: Note, logger: Logger): void => {
  logger[level](fields, message)
  if (detail !== undefined) logger.debug({ ...fields, ...detail }, message)
}
