import { splitEndpoint, type Endpoint } from './endpoint.ts'

/**
 * Channel of a relay (RFC 8656 §12) as a path to the peer at its other end: the relay's endpoint and the channel's
 * number in hex, `198.51.100.1:3478#4001`.
 */
export type ChannelPath = string & { readonly __brand: 'ChannelPath' }

/** Path to a peer: the peer's endpoint, or a channel of a relay. Equal paths are equal text. */
export type TunnelPath = Endpoint | ChannelPath

/** Lowest number of a channel (RFC 8656 §12). */
export const FIRST_CHANNEL = 0x4000
/** Highest number of a channel (RFC 8656 §12). */
export const LAST_CHANNEL = 0x4fff

/** Makes the path of a relay's channel. */
export const channelPath = (relay: Endpoint, channel: number): ChannelPath =>
  `${relay}#${channel.toString(16)}` as ChannelPath

/** Splits a path into the endpoint to send to and the channel there; `channel` is undefined for a peer's own endpoint. */
export const splitPath = (path: TunnelPath): { to: Endpoint; channel: number | undefined } => {
  const at = path.indexOf('#')
  if (at < 0) return { to: path as Endpoint, channel: undefined }
  return { to: path.slice(0, at) as Endpoint, channel: Number.parseInt(path.slice(at + 1), 16) }
}

/** Whether a text is a path of this host: an endpoint, or an endpoint and a channel's number. */
export const isPath = (text: string): text is TunnelPath => {
  const [relay = '', channel, ...more] = text.split('#')
  if (splitEndpoint(relay) === undefined || more.length > 0) return false
  return channel === undefined || /^4[0-9a-f]{3}$/.test(channel)
}
