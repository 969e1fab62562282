// What an initiation and a response end with (WireGuard §5.4.4): mac1 shows that the sender knows whom it talks to, mac2 that it
// receives at the address that it sends from, once a receiver under load has asked for that by a cookie reply (§5.3, §5.4.7).
import { equalSecrets, keyedBlake2s128, xchachaOpen } from 'portreeve'
import { MAC_BYTES, type CookieReply } from './messages.ts'

/** Whether mac1 is right: without it nothing is answered and nothing costly done. */
export const hasMac1 = (datagram: Uint8Array, mac1Key: Uint8Array): boolean => {
  const end = datagram.length - 2 * MAC_BYTES
  return equalSecrets(keyedBlake2s128(mac1Key, datagram.subarray(0, end)), datagram.subarray(end, end + MAC_BYTES))
}

/** Writes mac1, and mac2 where there is a cookie, into a message that is else complete; gives back mac1. */
export const writeMacs = (datagram: Uint8Array, mac1Key: Uint8Array, cookie: Uint8Array | undefined): Uint8Array => {
  const end = datagram.length - 2 * MAC_BYTES
  const mac1 = keyedBlake2s128(mac1Key, datagram.subarray(0, end))
  datagram.set(mac1, end)
  if (cookie !== undefined) {
    datagram.set(keyedBlake2s128(cookie, datagram.subarray(0, end + MAC_BYTES)), end + MAC_BYTES)
  }
  return mac1
}

/** The cookie of a reply to the message with this mac1, or undefined if it is not one. */
export const openCookie = (reply: CookieReply, cookieKey: Uint8Array, mac1: Uint8Array): Uint8Array | undefined =>
  xchachaOpen({ key: cookieKey, nonce: reply.nonce, associated: mac1 }, reply.sealedCookie)
