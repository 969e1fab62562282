import { createContainer, type Container } from '../../core/di.ts'
import {
  FactSources,
  GatewaySelectors,
  IdentityProviders,
  PolicyConditions,
  TunnelTransports,
  UpstreamResolvers,
  ResolverSettings,
  type HostPoint,
} from '../../core/contract/extension-point.ts'
import type { HostKind } from '../../core/plugin/define-plugin.ts'
import { PluginMetrics } from '../../core/plugin/plugin-metrics.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { DnsExchange, SystemResolvers } from '../../core/runtime/dns-exchange.ts'
import { HttpClient } from '../../core/runtime/http-client.ts'
import { Logger } from '../../core/runtime/logger.ts'
import { OutgoingSockets } from '../../core/runtime/outgoing-sockets.ts'
import { Metrics } from '../../core/runtime/metrics.ts'
import { Random } from '../../core/runtime/random.ts'
import { SecretFiles } from '../../core/runtime/secret-files.ts'
import { TrustedAuthorities } from '../../core/runtime/trusted-authorities.ts'
import {
  createClock,
  createDnsExchange,
  createHttpClient,
  createLogger,
  createOutgoingSockets,
  createRandom,
  createSecretFiles,
  createSystemResolvers,
  createTrustedAuthorities,
} from '../runtime/index.ts'

/**
 * Creates a container with the ports and extension points that a kind of host has for plugins, to check plugins without
 * a host. `folder` is that of the configuration file.
 */
export const createPluginContainer = (
  host: HostKind,
  folder: string,
): { container: Container; points: readonly HostPoint[] } => {
  const container = createContainer()
  container.value(Clock, createClock())
  container.value(Random, createRandom())
  container.value(SecretFiles, createSecretFiles(folder))
  container.value(Logger, createLogger({ level: 'warn' }))
  container.value(TrustedAuthorities, createTrustedAuthorities())
  container.value(HttpClient, createHttpClient())
  container.value(Metrics, new PluginMetrics())
  if (host === 'portal') {
    return { container, points: [IdentityProviders, PolicyConditions, GatewaySelectors, FactSources, ResolverSettings] }
  }
  container.value(DnsExchange, createDnsExchange())
  container.value(OutgoingSockets, createOutgoingSockets())
  container.value(SystemResolvers, createSystemResolvers())
  const points = [TunnelTransports, UpstreamResolvers]
  return { container, points: host === 'client' ? [...points, FactSources] : points }
}
