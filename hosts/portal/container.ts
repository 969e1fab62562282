import {
  FactSources,
  GatewaySelectors,
  IdentityProviders,
  PolicyConditions,
  RelayProviders,
  ResolverSettings,
} from '../../core/contract/extension-point.ts'
import { createContainer, type Container } from '../../core/di.ts'
import { loadHostPlugins } from '../../core/plugin/host-plugins.ts'
import type { Installation } from '../../core/plugin/install-plugins.ts'
import { PluginLog } from '../../core/plugin/plugin-log.ts'
import { PluginMetrics } from '../../core/plugin/plugin-metrics.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { HttpClient } from '../../core/runtime/http-client.ts'
import { Logger } from '../../core/runtime/logger.ts'
import { Metrics } from '../../core/runtime/metrics.ts'
import { Random } from '../../core/runtime/random.ts'
import { RegisteredRelays } from '../../core/runtime/registered-relays.ts'
import { SecretFiles } from '../../core/runtime/secret-files.ts'
import { TrustedAuthorities } from '../../core/runtime/trusted-authorities.ts'
import {
  checkProxies,
  createClock,
  createHttpClient,
  createLogger,
  createRandom,
  createSecretFiles,
  createTrustedAuthorities,
  permitInternetAnd,
} from '../runtime/index.ts'
import type { PortalConfig, PortalStart } from './config.ts'
import { IsolatedPlugins } from './isolated-plugins.ts'
import { RelayRegistry } from './relays/relay-registry.ts'

/** Extension points of a portal. */
const EXTENSION_POINTS = [
  IdentityProviders,
  PolicyConditions,
  GatewaySelectors,
  FactSources,
  ResolverSettings,
  RelayProviders,
]

/** Options of a portal that its plugins depend on. */
export type PortalPlugins = Omit<PortalStart, 'config'> & {
  config: Pick<PortalConfig, 'plugins' | 'log_level' | 'private_networks' | 'proxy_resolves_names'>
}

/**
 * Builds the portal's container: its ports, and the extensions of the configured plugins. If these are only checked, those that
 * the configuration isolates are created as well, which otherwise happens in their threads.
 */
export const buildContainer = async (
  options: PortalPlugins,
  { isOnlyChecked = false } = {},
): Promise<{
  container: Container
  installation: Installation
  pluginMetrics: PluginMetrics
  isolated: IsolatedPlugins
  registry: RelayRegistry
}> => {
  const { config, modules, version } = options
  checkProxies()
  const container = createContainer()
  container.value(Clock, options.clock ?? createClock())
  container.value(Random, options.random ?? createRandom())
  container.value(Logger, options.logger ?? createLogger({ name: 'portal', level: config.log_level }))
  container.value(TrustedAuthorities, createTrustedAuthorities())
  const { private_networks: privateNetworks, proxy_resolves_names: proxyResolvesNames } = config
  container.value(HttpClient, createHttpClient({ permits: permitInternetAnd(privateNetworks), proxyResolvesNames }))
  container.value(SecretFiles, createSecretFiles(modules.folder))
  const registry = new RelayRegistry()
  container.value(RegisteredRelays, registry)
  const pluginMetrics = new PluginMetrics()
  container.value(Metrics, pluginMetrics)
  const context = { folder: modules.folder, host: 'portal', hostVersion: version } as const
  const logger = container.get(Logger)
  const isolated = new IsolatedPlugins({
    context,
    privateNetworks,
    proxyResolvesNames,
    questionMs: options.questionMs,
    logger,
    metrics: pluginMetrics,
    log: new PluginLog({ logger, clock: container.get(Clock) }),
  })
  const installation = await loadHostPlugins(container, EXTENSION_POINTS, {
    entries: config.plugins,
    modules,
    context,
    isolation: isOnlyChecked ? { open: () => undefined } : isolated,
  })
  return { container, installation, pluginMetrics, isolated, registry }
}
