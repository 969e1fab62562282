import { toBase64Url } from '../crypto/text-encoding.ts'
import type { Random } from '../runtime/random.ts'

/**
 * HTTP header of a connect request that tells the process of a peer, and the number of this connect among its own: `ID.NUMBER`. A
 * process has one connection, so its next connect shows that the one before is dead, left behind in another network:
 * the portal need not find out. Older peers do not send it.
 */
export const PROCESS_HEADER = 'X-Peer-Process'

/** Connect of a process of a peer. */
export interface ProcessConnect {
  /** Random text that is known to the process and the portal only, so that no copy of a machine has it. */
  id: string
  /** Number of the connect among those of the process. */
  number: number
}

const ID_BYTES = 16

export const newProcessId = (random: Random): string => toBase64Url(random.bytes(ID_BYTES))

export const formatProcess = ({ id, number }: ProcessConnect): string => `${id}.${number}`

/** Reads the header's value; undefined if it is malformed. */
export const readProcess = (text: string): ProcessConnect | undefined => {
  const [, id = '', number = ''] = /^([\w-]{22})\.(\d{1,15})$/.exec(text) ?? []
  return id === '' ? undefined : { id, number: Number(number) }
}

/** Whether a connect is of the same process as another one, and later: an older request may arrive after a newer one. */
export const succeeds = (one: ProcessConnect | undefined, other: ProcessConnect | undefined): boolean =>
  one !== undefined && one.id === other?.id && one.number > other.number
