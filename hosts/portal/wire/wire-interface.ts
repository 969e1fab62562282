import { FEATURES, type ClientInterface, type FlowLogs } from '../../../core/control/messages.ts'
import { DNS_PORT } from '../../../core/net/well-known-port.ts'
import { endpoint, splitEndpoint } from '../../../core/runtime/endpoint.ts'
import type { Account, Actor, Client } from '../store/entities.ts'

/**
 * Builds the configuration of a client's tunnel interface: addresses, and DNS servers for names that are no resource.
 * DNS servers over TLS are only for clients that announced support for them.
 */
export const clientInterface = (
  { client, account, actor }: { client: Client; account: Account; actor: Actor | undefined },
  features: ReadonlySet<string>,
): ClientInterface => {
  const plain = account.upstreamResolvers.flatMap((resolver) =>
    resolver.type === 'udp' ? [splitEndpoint(resolver.address) ?? { address: resolver.address, port: DNS_PORT }] : [],
  )
  // `upstream_do53` cannot express ports and takes precedence over `upstream_dns`: if one server has another port than
  // 53, all servers go into `upstream_dns` only.
  const usual = plain.every(({ port }) => port === DNS_PORT)
  const overTls = account.upstreamResolvers.flatMap((resolver) =>
    resolver.type === 'tls' ? [{ ip: resolver.address, server_name: resolver.serverName }] : [],
  )
  return {
    ipv4: client.ipv4,
    ipv6: client.ipv6,
    search_domain: account.searchDomain,
    upstream_do53: usual ? plain.map(({ address }) => ({ ip: address })) : [],
    upstream_doh: account.upstreamResolvers.flatMap((resolver) =>
      resolver.type === 'https' ? [{ url: resolver.url }] : [],
    ),
    upstream_dns: plain.map(({ address, port }) => ({ protocol: 'ip_port', address: endpoint(address, port) })),
    ...(features.has(FEATURES.upstreamDot) && overTls.length > 0 ? { upstream_dot: overTls } : {}),
    ...(features.has(FEATURES.names) && actor !== undefined
      ? { signed_in_as: { account_slug: account.slug, actor_name: actor.name } }
      : {}),
  }
}

/** Builds the flow log settings: nothing is uploaded, but the wire requires the fields. */
export const flowLogs = (publicUrl: string): FlowLogs => ({
  api_url: publicUrl,
  upload_interval_secs: 0,
  upload_batch_size: 0,
})
