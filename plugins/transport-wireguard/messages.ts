// Encoding of the four messages of WireGuard §5.4. Integers are little-endian; the three bytes after the type are zero.
import { TAG_BYTES, TAI64N_BYTES, X25519_BYTES } from 'portreeve/crypto'

export const INITIATION_BYTES = 148
export const RESPONSE_BYTES = 92
export const COOKIE_REPLY_BYTES = 64
export const DATA_HEADER_BYTES = 16
/** Bytes of a data message with an empty packet, the least that it can have. */
export const MIN_DATA_BYTES = DATA_HEADER_BYTES + TAG_BYTES

/** Bytes of mac1 and of mac2, which an initiation and a response end with. */
export const MAC_BYTES = 16

export interface Initiation {
  sender: number
  ephemeral: Uint8Array
  sealedStatic: Uint8Array
  sealedTimestamp: Uint8Array
}

export interface Response {
  sender: number
  receiver: number
  ephemeral: Uint8Array
  sealedNothing: Uint8Array
}

export interface CookieReply {
  receiver: number
  nonce: Uint8Array
  sealedCookie: Uint8Array
}

export interface Data {
  receiver: number
  counter: number
  sealed: Uint8Array
}

/** Parsed message, not authenticated yet. Its byte arrays are views of the datagram. */
export type Message =
  | ({ type: 'initiation' } & Initiation)
  | ({ type: 'response' } & Response)
  | ({ type: 'cookieReply' } & CookieReply)
  | ({ type: 'data' } & Data)
  | { type: 'malformed'; reason: 'unknown-type' | 'wrong-length' | 'counter-out-of-range' }

/** Parses a datagram by its type and length. */
export const parseMessage = (datagram: Uint8Array): Message => {
  if (datagram.length < 4) return { type: 'malformed', reason: 'wrong-length' }
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength)
  switch (view.getUint32(0, true)) {
    case 1:
      return datagram.length === INITIATION_BYTES ? initiationOf(datagram, view) : WRONG_LENGTH
    case 2:
      return datagram.length === RESPONSE_BYTES ? responseOf(datagram, view) : WRONG_LENGTH
    case 3:
      return datagram.length === COOKIE_REPLY_BYTES ? cookieReplyOf(datagram, view) : WRONG_LENGTH
    case 4:
      return datagram.length >= MIN_DATA_BYTES ? dataOf(datagram, view) : WRONG_LENGTH
    default:
      return { type: 'malformed', reason: 'unknown-type' }
  }
}

/** Encodes an initiation with zeros in place of its MACs. */
export const encodeInitiation = ({ sender, ephemeral, sealedStatic, sealedTimestamp }: Initiation): Uint8Array => {
  const datagram = new Uint8Array(INITIATION_BYTES)
  header(datagram, 1, sender)
  datagram.set(ephemeral, INITIATION_EPHEMERAL)
  datagram.set(sealedStatic, INITIATION_STATIC)
  datagram.set(sealedTimestamp, INITIATION_TIMESTAMP)
  return datagram
}

/** Encodes a response with zeros in place of its MACs. */
export const encodeResponse = ({ sender, receiver, ephemeral, sealedNothing }: Response): Uint8Array => {
  const datagram = new Uint8Array(RESPONSE_BYTES)
  header(datagram, 2, sender).setUint32(8, receiver, true)
  datagram.set(ephemeral, RESPONSE_EPHEMERAL)
  datagram.set(sealedNothing, RESPONSE_NOTHING)
  return datagram
}

/** Encodes a cookie reply; `receiver` is the index of the message's sender. */
export const encodeCookieReply = ({ receiver, nonce, sealedCookie }: CookieReply): Uint8Array => {
  const datagram = new Uint8Array(COOKIE_REPLY_BYTES)
  header(datagram, 3, receiver)
  datagram.set(nonce, COOKIE_NONCE)
  datagram.set(sealedCookie, COOKIE_SEALED)
  return datagram
}

/** Returns a data message of header and `sealedLength` zeros, to be overwritten by the encrypted packet. */
export const encodeDataHeader = (receiver: number, counter: number, sealedLength: number): Uint8Array => {
  const datagram = new Uint8Array(DATA_HEADER_BYTES + sealedLength)
  const view = header(datagram, 4, receiver)
  view.setUint32(8, counter >>> 0, true)
  view.setUint32(12, Math.floor(counter / TWO_TO_32), true)
  return datagram
}

const WRONG_LENGTH: Message = { type: 'malformed', reason: 'wrong-length' }
const TWO_TO_32 = 0x1_0000_0000

// Offsets of fields, each at the end of the one before.
const INITIATION_EPHEMERAL = 8
const INITIATION_STATIC = INITIATION_EPHEMERAL + X25519_BYTES
const INITIATION_TIMESTAMP = INITIATION_STATIC + X25519_BYTES + TAG_BYTES
const INITIATION_MACS = INITIATION_TIMESTAMP + TAI64N_BYTES + TAG_BYTES
const RESPONSE_EPHEMERAL = 12
const RESPONSE_NOTHING = RESPONSE_EPHEMERAL + X25519_BYTES
const RESPONSE_MACS = RESPONSE_NOTHING + TAG_BYTES
const COOKIE_NONCE = 8
const COOKIE_SEALED = COOKIE_NONCE + 24

const initiationOf = (datagram: Uint8Array, view: DataView): Message => ({
  type: 'initiation',
  sender: view.getUint32(4, true),
  ephemeral: datagram.subarray(INITIATION_EPHEMERAL, INITIATION_STATIC),
  sealedStatic: datagram.subarray(INITIATION_STATIC, INITIATION_TIMESTAMP),
  sealedTimestamp: datagram.subarray(INITIATION_TIMESTAMP, INITIATION_MACS),
})

const responseOf = (datagram: Uint8Array, view: DataView): Message => ({
  type: 'response',
  sender: view.getUint32(4, true),
  receiver: view.getUint32(8, true),
  ephemeral: datagram.subarray(RESPONSE_EPHEMERAL, RESPONSE_NOTHING),
  sealedNothing: datagram.subarray(RESPONSE_NOTHING, RESPONSE_MACS),
})

const cookieReplyOf = (datagram: Uint8Array, view: DataView): Message => ({
  type: 'cookieReply',
  receiver: view.getUint32(4, true),
  nonce: datagram.subarray(COOKIE_NONCE, COOKIE_SEALED),
  sealedCookie: datagram.subarray(COOKIE_SEALED),
})

const dataOf = (datagram: Uint8Array, view: DataView): Message => {
  const counter = view.getUint32(8, true) + view.getUint32(12, true) * TWO_TO_32
  // A counter is kept as a number; a sender that counts from zero never exceeds the safe integers.
  if (counter > Number.MAX_SAFE_INTEGER) return { type: 'malformed', reason: 'counter-out-of-range' }
  return { type: 'data', receiver: view.getUint32(4, true), counter, sealed: datagram.subarray(DATA_HEADER_BYTES) }
}

const header = (datagram: Uint8Array, type: number, index: number): DataView => {
  const view = new DataView(datagram.buffer)
  view.setUint32(0, type, true)
  view.setUint32(4, index, true)
  return view
}
