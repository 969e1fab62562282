// STUN Binding without credentials (RFC 8489 §2.5): a server on the outside tells from where a request came, which
// behind a NAT is a server-reflexive candidate (RFC 8445 §5.1.1.2).
import type { Endpoint } from '../runtime/endpoint.ts'
import {
  PATH_PROBE,
  readXorAddress,
  unknownRequired,
  xorAddressAttribute,
  XOR_MAPPED_ADDRESS,
} from './stun-attributes.ts'
import { BINDING, decodeStun, encodeStun, type StunMessage, type StunRefusal } from './stun-message.ts'

/** Reason why a server does not answer a datagram. */
export type BindingRefusal = StunRefusal | 'not-a-binding' | 'unknown-attribute' | 'answer-too-long'

/** Answer of a server to a datagram, or the reason why there is none. */
export type BindingVerdict = { type: 'answered'; bytes: Uint8Array } | { type: 'refused'; reason: BindingRefusal }

/** Bytes of padding that make a request as long as an answer with an IPv6 address. */
const PADDING_BYTES = 20

/** Encodes a Binding request, padded to the length of the longest answer, as `answerBinding` demands. */
export const encodeBinding = (transactionId: Uint8Array): Uint8Array =>
  encodeStun({
    kind: 'request',
    method: BINDING,
    transactionId,
    attributes: [{ type: PATH_PROBE, value: new Uint8Array(PADDING_BYTES) }],
  })

/**
 * Answers a Binding request with the endpoint from which it came; refuses anything else. No answer is longer than its
 * request, so a forged source gains nothing. RFC 8489 §6.3.1 wants error 420 for unknown attributes, which is longer
 * than most requests, so these are refused as well.
 */
export const answerBinding = (datagram: Uint8Array, from: Endpoint): BindingVerdict => {
  const verdict = decodeStun(datagram)
  if (verdict.type === 'refused') return verdict
  const { kind, method, transactionId } = verdict.message
  if (kind !== 'request' || method !== BINDING) return { type: 'refused', reason: 'not-a-binding' }
  if (unknownRequired(verdict.message, []).length > 0) return { type: 'refused', reason: 'unknown-attribute' }
  const mapped = xorAddressAttribute(XOR_MAPPED_ADDRESS, from, transactionId)
  const attributes = mapped === undefined ? [] : [mapped]
  const bytes = encodeStun({ kind: 'success', method: BINDING, transactionId, attributes })
  return bytes.length > datagram.length ? { type: 'refused', reason: 'answer-too-long' } : { type: 'answered', bytes }
}

/** Reads the endpoint that a server's answer tells; undefined if the message is no such answer. */
export const readMappedEndpoint = (message: StunMessage): Endpoint | undefined =>
  message.kind === 'success' && message.method === BINDING ? readXorAddress(message, XOR_MAPPED_ADDRESS) : undefined
