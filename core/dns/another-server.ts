import { SECOND } from '../runtime/time.ts'
import { ResponseCode } from './message.ts'

/** D12: how long a server that failed or said nothing is asked after all others. */
export const ASK_LAST_FOR = 30 * SECOND

/** Whether a response code speaks of the server rather than of the name (RFC 1035 §4.1.1), so that another server may know. */
export const anotherMayKnow = (code: number): boolean => SPEAKS_OF_SERVER.has(code)

const SPEAKS_OF_SERVER: ReadonlySet<number> = new Set([
  ResponseCode.FORMERR,
  ResponseCode.SERVFAIL,
  ResponseCode.NOTIMP,
  ResponseCode.REFUSED,
])
