import { GatewaySelectors } from '../../core/contract/gateway-selector.ts'
import { IdentityProviders } from '../../core/contract/identity-provider.ts'
import { PolicyConditions } from '../../core/contract/policy-condition.ts'
import { TunnelTransports } from '../../core/contract/tunnel-transport.ts'
import { UpstreamResolvers } from '../../core/contract/upstream-resolver.ts'
import { createContainer, type Container } from '../../core/di.ts'
import type { ExtensionPoint } from '../../core/plugin/extension-point.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { DnsExchange, SystemResolvers } from '../../core/runtime/dns-exchange.ts'
import { HttpClient } from '../../core/runtime/http-client.ts'
import { Logger } from '../../core/runtime/logger.ts'
import { Random } from '../../core/runtime/random.ts'
import { SecretFiles } from '../../core/runtime/secret-files.ts'
import { TrustedAuthorities } from '../../core/runtime/trusted-authorities.ts'
import {
  createClock,
  createDnsExchange,
  createHttpClient,
  createLogger,
  createRandom,
  createSecretFiles,
  createSystemResolvers,
  createTrustedAuthorities,
} from '../runtime/index.ts'

/** Every port and every extension point: what a plugin of any host may ask for, so that all of them can be looked at. `folder` is the configuration file's. */
export const createPluginContainer = (
  folder: string,
): { container: Container; points: readonly ExtensionPoint<unknown>[] } => {
  const container = createContainer()
  container.value(Clock, createClock())
  container.value(Random, createRandom())
  container.value(SecretFiles, createSecretFiles(folder))
  container.value(Logger, createLogger({ level: 'warn' }))
  container.value(TrustedAuthorities, createTrustedAuthorities())
  container.value(HttpClient, createHttpClient())
  container.value(DnsExchange, createDnsExchange())
  container.value(SystemResolvers, createSystemResolvers())
  return {
    container,
    points: [IdentityProviders, PolicyConditions, UpstreamResolvers, GatewaySelectors, TunnelTransports],
  }
}
