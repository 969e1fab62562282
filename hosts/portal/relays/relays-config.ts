import { z } from 'zod'
import type { Coordinates } from '../../../core/contract/relay-provider.ts'
import { parseAddress } from '../../../core/net/ip-address.ts'
import { prefixContains } from '../../../core/net/prefix.ts'
import { parseNetwork } from '../../runtime/permitted-addresses.ts'

const Network = z.string().refine((text) => parseNetwork(text) !== undefined, 'is no address and no CIDR')

/** Relays that peers are offered: the `relays` section of a portal's configuration. Plugins say which relays there are. */
export const RelaysConfig = z
  .strictObject({
    /**
     * Whether to probe relays by STUN, and to offer only those that answer. `false` is for a portal that can send no UDP: a relay
     * counts as present while it is registered or configured.
     */
    probe: z.boolean().default(true),
    /**
     * Hours for which a peer's credentials at relays are valid; it is sent new ones when half of that is left. A relayed
     * connection moves to the new ones without a break between Portreeve's own peers, and with a short one between others.
     */
    credentials_hours: z.number().min(1).max(720).default(48),
    /** Places of networks, by which each peer is offered the relays nearest to it. The longest prefix counts. */
    places: z
      .array(
        z.strictObject({
          networks: z.array(Network).min(1).max(1_000),
          latitude: z.number().min(-90).max(90),
          longitude: z.number().min(-180).max(180),
        }),
      )
      .max(1_000)
      .default([]),
  })
  .prefault({})
export type RelaysConfig = z.infer<typeof RelaysConfig>

/** Makes the function that returns the place of an IP address, by the longest network that contains it. */
export const placesBy = ({ places }: Pick<RelaysConfig, 'places'>): ((address: string) => Coordinates | undefined) => {
  const networks = places
    .flatMap(({ networks: texts, latitude, longitude }) =>
      texts.flatMap((text) => {
        const prefix = parseNetwork(text)
        return prefix === undefined ? [] : [{ prefix, place: { latitude, longitude } }]
      }),
    )
    .toSorted((a, b) => b.prefix.length - a.prefix.length)
  return (text) => {
    const address = parseAddress(text)
    return address && networks.find(({ prefix }) => prefixContains(prefix, address))?.place
  }
}
