// Messages between a relay and its portal (wire §2): a relay opens /relay/websocket with a relay token, joins the topic `relay`
// with its stamp secret, gets an empty `init`, and sends heartbeats. It serves while it is connected, and a day beyond.
import { z } from 'zod'
import { Ipv4, Ipv6 } from './wire-values.ts'

/** Topic that relays join. */
export const RELAY_TOPIC = 'relay'

/** Path of the channel for relays, below that of the portal's URL. */
export const RELAY_PATH = '/relay/websocket'

/** Path of the WebSocket by which peers reach the relay in a portal's own process, below that of the portal's URL. */
export const RELAY_CONNECT_PATH = '/relay/connect'

/** Whether a path, which may have the portal's own in front, is that of the channel for relays. */
export const isRelayPath = (path: string): boolean => path.endsWith(RELAY_PATH)

/** Query of the URL at which a relay opens its channel. A relay has at least one address. */
export const RelayQuery = z
  .object({
    name: z.string().max(255).optional(),
    ipv4: Ipv4.optional(),
    ipv6: Ipv6.optional(),
    port: z.coerce.number().int().min(1).max(0xffff).default(3478),
    /** URL of a WebSocket that carries the same datagrams. Portreeve's addition. */
    websocket_url: z
      .url({ protocol: /^wss?$/ })
      .max(2_048)
      .optional(),
  })
  .refine(({ ipv4, ipv6 }) => ipv4 !== undefined || ipv6 !== undefined, 'has no address')
export type RelayQuery = z.infer<typeof RelayQuery>

/** Fewest characters of a stamp secret, and fewest different ones: everybody who guesses it may use the relay. */
const LEAST_CHARACTERS = 20
const LEAST_DIFFERENT_CHARACTERS = 8

/** Payload with which a relay joins. */
export const RelayJoin = z.object({
  stamp_secret: z
    .string()
    .min(LEAST_CHARACTERS)
    .max(512)
    .regex(/^[\x21-\x7e]+$/, 'is printable ASCII without spaces')
    .refine((text) => new Set(text).size >= LEAST_DIFFERENT_CHARACTERS, 'is easily guessed'),
})
export type RelayJoin = z.infer<typeof RelayJoin>

/** Returns the URL at which a relay opens its channel. It lacks the token, because URLs end up in logs. */
export const relayChannelUrl = (portalUrl: string, query: z.input<typeof RelayQuery>): string => {
  const url = new URL(portalUrl)
  url.protocol = url.protocol.replace('http', 'ws')
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${RELAY_PATH}`
  const members = Object.entries(query).filter(([, value]) => value !== undefined)
  url.search = new URLSearchParams(members.map(([key, value]): [string, string] => [key, String(value)])).toString()
  return url.href
}
