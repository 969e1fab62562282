/** Header of the connect in which a peer names its tunnel transport: the key under which a plugin provides it. Released peers send none. */
export const TRANSPORT_HEADER = 'X-Tunnel-Transport'

/** Tunnel transport of peers that name none: all released ones carry packets by WireGuard. */
export const RELEASED_TRANSPORT = 'wireguard'

/** Reads the header's value, empty where there is none. Undefined for what is no key. */
export const readTransport = (text: string): string | undefined => {
  if (text === '') return RELEASED_TRANSPORT
  return /^[a-z0-9][a-z0-9_-]{0,63}$/.test(text) ? text : undefined
}
