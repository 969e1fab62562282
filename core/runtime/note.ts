import type { LogFields, Logger } from './logger.ts'

/** A line for the log about the life of a client or a gateway: what happened, to what, and why. The shell writes it at info. */
export interface Note {
  type: 'note'
  message: string
  /** Ids, reasons and numbers. Names of resources and addresses are no part of it. */
  fields: LogFields
  /** Addresses and names, for level debug only. */
  detail?: LogFields
}

/** Writes a note at info, and at debug once more with its details. */
export const writeNote = ({ message, fields, detail }: Note, logger: Logger): void => {
  logger.info(fields, message)
  if (detail !== undefined) logger.debug({ ...fields, ...detail }, message)
}
