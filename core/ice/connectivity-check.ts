// Connectivity checks and their answers (RFC 8445 §7).
import type { IceCredentials } from '../crypto/pair-secrets.ts'
import type { Endpoint } from '../runtime/endpoint.ts'
import {
  errorAttribute,
  ICE_CONTROLLED,
  ICE_CONTROLLING,
  PATH_PROBE,
  PRIORITY,
  readErrorCode,
  readText,
  readUint32,
  textAttribute,
  uint32Attribute,
  unknownRequired,
  USE_CANDIDATE,
  attribute,
  USERNAME,
  xorAddressAttribute,
  XOR_MAPPED_ADDRESS,
} from '../stun/stun-attributes.ts'
import { BINDING, encodeStun, provesKey, type StunAttribute, type StunMessage } from '../stun/stun-message.ts'

/** Role of an ICE agent (RFC 8445 §6.1.1): the client is controlling, the gateway controlled. */
export type IceRole = 'controlling' | 'controlled'

/** Contents of a check to send. */
export interface OwnCheck {
  transactionId: Uint8Array
  local: IceCredentials
  remote: IceCredentials
  role: IceRole
  /** Random number of the agent (RFC 8445 §7.1.3), 8 bytes. */
  tieBreaker: Uint8Array
  /** Priority of the peer-reflexive candidate that the check may reveal (RFC 8445 §7.1.1). */
  priority: number
  nominate: boolean
  /** Size in bytes to which the datagram is padded, to probe whether the path carries it. A multiple of 4. */
  probeBytes?: number | undefined
}

/** Reason why a received check is refused. */
export type CheckRefusal =
  | 'not-a-check'
  | 'no-username'
  | 'unknown-username'
  | 'wrong-integrity'
  | 'unknown-attribute'
  | 'no-priority'

/** Outcome of verifying a received check. */
export type CheckVerdict =
  | { type: 'check'; priority: number; nominated: boolean; role: IceRole | undefined; asksForSize: boolean }
  | { type: 'refused'; reason: CheckRefusal }

/** Outcome of verifying an answer. */
export type AnswerVerdict =
  /** `takesProbe`: the other end has received a padded check, and accepts packets of its size. */
  | { type: 'succeeded'; takesProbe: boolean }
  | { type: 'roleConflict' }
  | { type: 'failed'; code: number }
  | { type: 'refused'; reason: 'wrong-integrity' }

const ROLE_CONFLICT = 487
const KNOWN = [USERNAME, PRIORITY, USE_CANDIDATE, XOR_MAPPED_ADDRESS]
const PROBED: StunAttribute = { type: PATH_PROBE, value: new Uint8Array(0) }
const utf8 = new TextEncoder()

/** Returns the user name in requests that `remote` sends to `local` (RFC 8445 §7.2.2). */
export const checkUsername = (local: IceCredentials, remote: IceCredentials): string =>
  `${local.username}:${remote.username}`

/** Encodes a check as a datagram. */
export const encodeCheck = (check: OwnCheck): Uint8Array => {
  const { probeBytes } = check
  if (probeBytes === undefined) return encodeFilled(check, [])
  const empty = encodeFilled(check, [PROBED]).length
  return encodeFilled(check, [{ type: PATH_PROBE, value: new Uint8Array(Math.max(0, probeBytes - empty)) }])
}

/** Verifies a request. A refused one must not be answered: its sender has not proven that it knows the credentials. */
export const readCheck = (
  message: StunMessage,
  { local, remote }: { local: IceCredentials; remote: IceCredentials },
): CheckVerdict => {
  if (message.kind !== 'request' || message.method !== BINDING) return refused('not-a-check')
  const username = readText(message, USERNAME)
  if (username === undefined) return refused('no-username')
  if (username !== checkUsername(local, remote)) return refused('unknown-username')
  if (!provesKey(message, utf8.encode(local.password))) return refused('wrong-integrity')
  if (unknownRequired(message, KNOWN).length > 0) return refused('unknown-attribute')
  const priority = readUint32(message, PRIORITY)
  if (priority === undefined || priority < 1 || priority > 0x7fffffff) return refused('no-priority')
  const controlling = attribute(message, ICE_CONTROLLING) !== undefined
  const controlled = attribute(message, ICE_CONTROLLED) !== undefined
  return {
    type: 'check',
    priority,
    nominated: attribute(message, USE_CANDIDATE) !== undefined,
    role: controlling ? 'controlling' : controlled ? 'controlled' : undefined,
    asksForSize: attribute(message, PATH_PROBE) !== undefined,
  }
}

/** Encodes the success response to a check. */
export const encodeAnswer = (answer: {
  transactionId: Uint8Array
  source: Endpoint
  local: IceCredentials
  /** Whether the check was padded as a path probe; the answer then tells that it has arrived. */
  asksForSize: boolean
}): Uint8Array => {
  const mapped = xorAddressAttribute(XOR_MAPPED_ADDRESS, answer.source, answer.transactionId)
  return encodeStun(
    {
      kind: 'success',
      method: BINDING,
      transactionId: answer.transactionId,
      attributes: [...(mapped === undefined ? [] : [mapped]), ...(answer.asksForSize ? [PROBED] : [])],
    },
    utf8.encode(answer.local.password),
  )
}

/** Encodes the error for a check from an agent with the same role (RFC 8445 §7.3.1.1). */
export const encodeRoleConflict = (transactionId: Uint8Array, local: IceCredentials): Uint8Array =>
  encodeStun(
    {
      kind: 'error',
      method: BINDING,
      transactionId,
      attributes: [errorAttribute(ROLE_CONFLICT, 'Role Conflict')],
    },
    utf8.encode(local.password),
  )

/** Verifies the answer to a check of this agent. */
export const readAnswer = (message: StunMessage, remote: IceCredentials): AnswerVerdict => {
  if (!provesKey(message, utf8.encode(remote.password))) return { type: 'refused', reason: 'wrong-integrity' }
  if (message.kind === 'success') {
    return { type: 'succeeded', takesProbe: attribute(message, PATH_PROBE) !== undefined }
  }
  const code = readErrorCode(message) ?? 0
  return code === ROLE_CONFLICT ? { type: 'roleConflict' } : { type: 'failed', code }
}

const refused = (reason: CheckRefusal): CheckVerdict => ({ type: 'refused', reason })

const encodeFilled = (check: OwnCheck, filling: readonly StunAttribute[]): Uint8Array =>
  encodeStun(
    {
      kind: 'request',
      method: BINDING,
      transactionId: check.transactionId,
      attributes: [
        textAttribute(USERNAME, checkUsername(check.remote, check.local)),
        uint32Attribute(PRIORITY, check.priority),
        { type: check.role === 'controlling' ? ICE_CONTROLLING : ICE_CONTROLLED, value: check.tieBreaker },
        ...(check.nominate ? [{ type: USE_CANDIDATE, value: new Uint8Array(0) }] : []),
        ...filling,
      ],
    },
    utf8.encode(check.remote.password),
  )
