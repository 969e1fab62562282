import ipaddr from 'ipaddr.js'
import type { UpstreamServer } from '../../../core/contract/upstream-resolver.ts'
import type { ClientInterface } from '../../../core/control/messages.ts'
import type { Upstream } from '../../../core/dns/upstream-queries.ts'
import { parseAddress } from '../../../core/net/ip-address.ts'
import { whyNeverAServer } from '../../../core/net/never-a-server.ts'
import { DNS_OVER_TLS_PORT, DNS_PORT } from '../../../core/net/well-known-port.ts'
import { endpoint, splitEndpoint } from '../../../core/runtime/endpoint.ts'

/** Kind of the system's servers when asked for the portal's name: outside the tunnel and without a plugin (T8). */
export const BYPASS = 'bypass'

/**
 * Returns the servers for names that belong to no resource: those of the account, plain DNS before HTTPS before TLS, or
 * else the system's. Leaves out kinds without a plugin, and addresses that are invalid or cannot be a server's.
 */
export const upstreamsOf = (
  { upstream_do53 = [], upstream_doh = [], upstream_dot = [], upstream_dns = [] }: ClientInterface,
  { kinds, system }: { kinds: ReadonlySet<string>; system: readonly UpstreamServer[] },
): Upstream[] => {
  const plain =
    upstream_do53.length > 0
      ? upstream_do53.map(({ ip }) => ipEndpoint(ip, DNS_PORT))
      : upstream_dns.map(({ address }) => {
          const parts = splitEndpoint(address)
          return parts === undefined ? undefined : ipEndpoint(parts.address, parts.port)
        })
  const configured: Upstream[] = [
    ...plain.flatMap((at) => (at === undefined ? [] : [{ kind: 'udp', server: { endpoint: at } }])),
    ...upstream_doh
      .filter(({ url }) => mayBeServer(hostOf(url)))
      .map(({ url }) => ({ kind: 'https', server: { url } })),
    ...upstream_dot.flatMap(({ ip, server_name: serverName }) => {
      const at = ipEndpoint(ip, DNS_OVER_TLS_PORT)
      return at === undefined ? [] : [{ kind: 'tls', server: { endpoint: at, serverName } }]
    }),
  ]
  const usable = configured.filter(({ kind }) => kinds.has(kind))
  return usable.length > 0 ? usable : system.map((server) => ({ kind: 'system', server }))
}

/** Returns the name of an upstream server for people. */
export const upstreamName = ({ server: { endpoint: at, url, serverName } }: Upstream): string => {
  if (at !== undefined && serverName !== undefined) return `tls://${serverName} (${at})`
  return at ?? url ?? serverName ?? '?'
}

const ipEndpoint = (address: string, port: number) =>
  ipaddr.isValid(address) && mayBeServer(ipaddr.parse(address).toString())
    ? endpoint(ipaddr.parse(address).toString(), port)
    : undefined

/** Whether a host is a name, or an address that may belong to a server. */
const mayBeServer = (host: string): boolean => {
  const address = parseAddress(host)
  return address === undefined || whyNeverAServer(address) === undefined
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).hostname.replace(/^\[(.*)\]$/, '$1') : '')
