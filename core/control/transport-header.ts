/**
 * HTTP header of a connect request with the peer's tunnel transport: the key under which a plugin provides it. Older
 * peers do not send it.
 */
export const TRANSPORT_HEADER = 'X-Tunnel-Transport'

/** Tunnel transport of peers that do not send the header: all older ones use WireGuard. */
export const RELEASED_TRANSPORT = 'wireguard'

/** Reads the header's value; empty text stands for an absent header. Undefined if the value is malformed. */
export const readTransport = (text: string): string | undefined => {
  if (text === '') return RELEASED_TRANSPORT
  return /^[a-z0-9][a-z0-9_-]{0,63}$/.test(text) ? text : undefined
}
