// MACs at the end of an initiation and a response (WireGuard §5.4.4). mac1 proves that the sender knows the receiver's
// public key. mac2 proves that it receives at its source address, which a receiver under load asks for by a cookie
// reply (§5.3, §5.4.7).
import { equalSecrets, keyedBlake2s128, xchachaOpen } from 'portreeve/crypto'
import { MAC_BYTES, type CookieReply } from './messages.ts'

/** Whether a message's mac1 is valid; otherwise it must not be answered nor cause costly work. */
export const hasMac1 = (datagram: Uint8Array, mac1Key: Uint8Array): boolean => {
  const end = datagram.length - 2 * MAC_BYTES
  return equalSecrets(keyedBlake2s128(mac1Key, datagram.subarray(0, end)), datagram.subarray(end, end + MAC_BYTES))
}

/** Writes mac1, and mac2 if there is a cookie, into an otherwise complete message. Returns mac1. */
export const writeMacs = (datagram: Uint8Array, mac1Key: Uint8Array, cookie: Uint8Array | undefined): Uint8Array => {
  const end = datagram.length - 2 * MAC_BYTES
  const mac1 = keyedBlake2s128(mac1Key, datagram.subarray(0, end))
  datagram.set(mac1, end)
  if (cookie !== undefined) {
    datagram.set(keyedBlake2s128(cookie, datagram.subarray(0, end + MAC_BYTES)), end + MAC_BYTES)
  }
  return mac1
}

/** Decrypts the cookie of a reply; undefined if it does not answer the message with this mac1. */
export const openCookie = (reply: CookieReply, cookieKey: Uint8Array, mac1: Uint8Array): Uint8Array | undefined =>
  xchachaOpen({ key: cookieKey, nonce: reply.nonce, associated: mac1 }, reply.sealedCookie)
