import { UpstreamResolvers, type Extensions } from '../../core/contract/extension-point.ts'
import type { UpstreamResolver } from '../../core/contract/upstream-resolver.ts'
import { createContainer } from '../../core/di.ts'
import { installPlugins } from '../../core/plugin/install-plugins.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { DnsExchange, SystemResolvers } from '../../core/runtime/dns-exchange.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import { HttpClient } from '../../core/runtime/http-client.ts'
import { createDnsExchange, createHttpClient } from '../../hosts/runtime/index.ts'
import { plugin as https } from '../../plugins/resolver-https/index.ts'
import { plugin as system } from '../../plugins/resolver-system/index.ts'
import { plugin as tls } from '../../plugins/resolver-tls/index.ts'
import { plugin as udp } from '../../plugins/resolver-udp/index.ts'
import { VirtualClock } from './virtual-clock.ts'

const ALL = { system, udp, tls, https }

/** Installs built-in resolver plugins as a client does. `servers` are the name servers of the system. */
export const resolverPlugins = (
  keys: readonly (keyof typeof ALL)[],
  servers: readonly Endpoint[] = [],
): Extensions<UpstreamResolver> => {
  const container = createContainer()
  container.value(Clock, new VirtualClock())
  container.value(DnsExchange, createDnsExchange())
  container.value(HttpClient, createHttpClient())
  container.value(SystemResolvers, { servers: () => servers })
  const uses = keys.map((key, at) => ({ definition: ALL[key], config: undefined, source: `plugins[${at}]` }))
  installPlugins(container, [UpstreamResolvers], uses, { folder: '.', host: 'client', hostVersion: '0.1.0' })
  return container.get(UpstreamResolvers.token)
}
