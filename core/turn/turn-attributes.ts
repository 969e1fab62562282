// Methods and attributes of TURN (RFC 8656 §17, §18), beside those of STUN.
import type { Family } from '../runtime/endpoint.ts'
import { attribute } from '../stun/stun-attributes.ts'
import type { StunAttribute, StunMessage } from '../stun/stun-message.ts'

export const ALLOCATE = 0x003
export const REFRESH = 0x004
/** Method of an indication from client to relay: data for a peer. */
export const SEND = 0x006
/** Method of an indication from relay to client: data of a peer. */
export const DATA_INDICATION = 0x007
export const CREATE_PERMISSION = 0x008
export const CHANNEL_BIND = 0x009

export const CHANNEL_NUMBER = 0x000c
export const LIFETIME = 0x000d
export const XOR_PEER_ADDRESS = 0x0012
export const DATA = 0x0013
export const XOR_RELAYED_ADDRESS = 0x0016
export const REQUESTED_ADDRESS_FAMILY = 0x0017
export const EVEN_PORT = 0x0018
export const REQUESTED_TRANSPORT = 0x0019
export const DONT_FRAGMENT = 0x001a
export const RESERVATION_TOKEN = 0x0022
/** Asks for a second relayed address, of IPv6, in one allocation (RFC 8656 §18.11). */
export const ADDITIONAL_ADDRESS_FAMILY = 0x8000
/** Tells why one of two families was not allocated (RFC 8656 §18.12). */
export const ADDRESS_ERROR_CODE = 0x8001

/** Protocol number in REQUESTED-TRANSPORT; relays offer no other. */
export const UDP = 17

/** REQUESTED-TRANSPORT for UDP. */
export const requestedUdp: StunAttribute = { type: REQUESTED_TRANSPORT, value: new Uint8Array([UDP, 0, 0, 0]) }

/** Reads the protocol number in REQUESTED-TRANSPORT; undefined if there is none. */
export const readTransport = (message: StunMessage): number | undefined => readFirstByte(message, REQUESTED_TRANSPORT)

/** Makes REQUESTED-ADDRESS-FAMILY or ADDITIONAL-ADDRESS-FAMILY. */
export const familyAttribute = (
  type: typeof REQUESTED_ADDRESS_FAMILY | typeof ADDITIONAL_ADDRESS_FAMILY,
  family: Family,
): StunAttribute => ({ type, value: new Uint8Array([FAMILY_CODES[family], 0, 0, 0]) })

/** Reads an attribute that names a family: `other` if it names another than IPv4 and IPv6, undefined without it. */
export const readFamily = (message: StunMessage, type: number): Family | 'other' | undefined => {
  const code = readFirstByte(message, type)
  if (code === undefined) return undefined
  return code === FAMILY_CODES.ipv4 ? 'ipv4' : code === FAMILY_CODES.ipv6 ? 'ipv6' : 'other'
}

/** Makes CHANNEL-NUMBER. */
export const channelAttribute = (channel: number): StunAttribute => ({
  type: CHANNEL_NUMBER,
  value: new Uint8Array([channel >> 8, channel & 0xff, 0, 0]),
})

/** Reads CHANNEL-NUMBER; undefined without it. Whether a channel may have the number is the caller's question. */
export const readChannel = (message: StunMessage): number | undefined => {
  const value = attribute(message, CHANNEL_NUMBER)
  return value?.length === 4 ? ((value[0] ?? 0) << 8) | (value[1] ?? 0) : undefined
}

/** Makes ADDRESS-ERROR-CODE: why the second family was not allocated. */
export const addressErrorAttribute = (family: Family, code: number, reason: string): StunAttribute => {
  const words = new TextEncoder().encode(reason)
  const value = new Uint8Array(4 + words.length)
  value[0] = FAMILY_CODES[family]
  value[2] = Math.floor(code / 100)
  value[3] = code % 100
  value.set(words, 4)
  return { type: ADDRESS_ERROR_CODE, value }
}

/** Codes of families in STUN's addresses and in TURN's attributes. */
const FAMILY_CODES = { ipv4: 1, ipv6: 2 } as const

const readFirstByte = (message: StunMessage, type: number): number | undefined => {
  const value = attribute(message, type)
  return value?.length === 4 ? value[0] : undefined
}
