import { SECOND } from '../runtime/time.ts'
import { ResponseCode } from './message.ts'

/** Milliseconds for which a server that failed or did not answer is asked only after all others (D12). */
export const ASK_LAST_FOR_MS = 30 * SECOND

/**
 * Whether a response code is about the server rather than the name (RFC 1035 §4.1.1), so that another server may have
 * an answer.
 */
export const anotherMayKnow = (code: number): boolean => SPEAKS_OF_SERVER.has(code)

const SPEAKS_OF_SERVER: ReadonlySet<number> = new Set([
  ResponseCode.FORMERR,
  ResponseCode.SERVFAIL,
  ResponseCode.NOTIMP,
  ResponseCode.REFUSED,
])
