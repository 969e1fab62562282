import { DNS_PORT } from '../net/well-known-port.ts'
import { endpoint, splitEndpoint } from '../runtime/endpoint.ts'
import type { ClientInterface } from './client-messages.ts'

/** Upstream resolver as `upstream_resolvers` carries it. */
export type WireResolver = NonNullable<ClientInterface['upstream_resolvers']>[number]

/** Members of the interface in which released peers know upstream resolvers: two kinds of them, for all names. */
export type ReleasedResolvers = Pick<ClientInterface, 'upstream_do53' | 'upstream_doh' | 'upstream_dns'>

/** Keys of the resolvers that released peers know: plain DNS, and DNS over HTTPS. */
const PLAIN = 'udp'
const HTTPS = 'https'

/** Derives what a released client can be told of an account's resolvers. Those for certain names, and of other kinds, are left out. */
export const toReleased = (resolvers: readonly WireResolver[]): Required<ReleasedResolvers> => {
  const general = resolvers.filter(({ match }) => match === undefined)
  const plain = general.flatMap(({ type, settings: { address, port = DNS_PORT } }) =>
    type === PLAIN && typeof address === 'string' && typeof port === 'number' ? [{ address, port }] : [],
  )
  // `upstream_do53` cannot express ports and takes precedence over `upstream_dns`: if one server has another port than
  // 53, all servers go into `upstream_dns` only.
  const usual = plain.every(({ port }) => port === DNS_PORT)
  return {
    upstream_do53: usual ? plain.map(({ address }) => ({ ip: address })) : [],
    upstream_doh: general.flatMap(({ type, settings: { url } }) =>
      type === HTTPS && typeof url === 'string' ? [{ url }] : [],
    ),
    upstream_dns: plain.map(({ address, port }) => ({ protocol: 'ip_port', address: endpoint(address, port) })),
  }
}

/** Reads the resolvers that a released portal tells of: plain DNS before HTTPS, since it carries each kind by itself. */
export const fromReleased = ({
  upstream_do53 = [],
  upstream_doh = [],
  upstream_dns = [],
}: ReleasedResolvers): WireResolver[] => {
  const plain =
    upstream_do53.length > 0
      ? upstream_do53.map(({ ip }) => ({ address: ip }))
      : upstream_dns.flatMap(({ address: at }) => {
          const { address, port } = splitEndpoint(at) ?? {}
          return address === undefined ? [] : [{ address, port }]
        })
  return [
    ...plain.map((settings) => ({ type: PLAIN, settings })),
    ...upstream_doh.map(({ url }) => ({ type: HTTPS, settings: { url } })),
  ]
}
