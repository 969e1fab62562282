import { encodeStun, encodeWithoutFingerprint, type StunAttribute, type StunMessage } from '../stun/stun-message.ts'

/**
 * Encodes the answer to a request, with MESSAGE-INTEGRITY if there is a key. It has FINGERPRINT where the request has it
 * (RFC 8489 §7.3).
 */
export const encodeAnswer = (
  { method, transactionId }: StunMessage,
  answer: {
    kind: 'success' | 'error'
    attributes: readonly StunAttribute[]
    key: Uint8Array | undefined
    withFingerprint: boolean
  },
): Uint8Array => {
  const { kind, attributes, key, withFingerprint } = answer
  const message = { kind, method, transactionId, attributes }
  return withFingerprint ? encodeStun(message, key) : encodeWithoutFingerprint(message, key)
}
