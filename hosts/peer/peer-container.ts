// Wiring common to client and gateway: Node implementations of ports, and the plugins of the configuration for
// extension points.
import type { PluginEntry } from '../../core/config/parse-config.ts'
import { TunnelTransports, UpstreamResolvers, type HostPoint } from '../../core/contract/extension-point.ts'
import type { Role } from '../../core/control/messages.ts'
import { createContainer, type Container } from '../../core/di.ts'
import { loadHostPlugins } from '../../core/plugin/host-plugins.ts'
import type { Installation } from '../../core/plugin/install-plugins.ts'
import type { PluginModules } from '../../core/plugin/load-plugins.ts'
import { PluginMetrics } from '../../core/plugin/plugin-metrics.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { DatagramSockets } from '../../core/runtime/datagram-socket.ts'
import { SystemResolvers } from '../../core/runtime/dns-exchange.ts'
import { DnsListeners } from '../../core/runtime/dns-listener.ts'
import { Logger } from '../../core/runtime/logger.ts'
import { Metrics } from '../../core/runtime/metrics.ts'
import { NetworkInterfaces } from '../../core/runtime/network-interfaces.ts'
import { Random } from '../../core/runtime/random.ts'
import { SecretFiles } from '../../core/runtime/secret-files.ts'
import { TrustedAuthorities } from '../../core/runtime/trusted-authorities.ts'
import { TunDevices } from '../../core/runtime/tun-device.ts'
import { WebSockets } from '../../core/runtime/web-socket.ts'
import {
  checkCaFile,
  checkProxies,
  createClock,
  createDatagramSockets,
  createDnsListeners,
  createLogger,
  createNetworkInterfaces,
  createRandom,
  createSecretFiles,
  createSystemResolvers,
  createTrustedAuthorities,
  createTunDevices,
  createWebSockets,
  type LogLevel,
} from '../runtime/index.ts'

/** Configuration and plugins from which a peer's container is built. */
export interface PeerParts {
  config: { plugins: readonly PluginEntry[]; log_level: LogLevel; ca_file?: string | undefined }
  modules: PluginModules
  /** Version of this package. */
  version: string
}

export interface PeerContainer {
  container: Container
  installation: Installation
  pluginMetrics: PluginMetrics
}

/**
 * Builds the container of a peer. `points` are extension points that its role has beside those of every peer, `add`
 * registers its own ports.
 * @throws OperatorError for errors in the plugins, the file of authorities or the environment's proxies
 */
export const buildPeerContainer = async (
  role: Role,
  { config, modules, version }: PeerParts,
  { points = [], add }: { points?: readonly HostPoint[]; add: (container: Container, logger: Logger) => void },
): Promise<PeerContainer> => {
  checkCaFile(config.ca_file)
  checkProxies()
  const container = createContainer()
  const logger = createLogger({ level: config.log_level, name: role })
  container.value(Logger, logger)
  container.value(Clock, createClock())
  container.value(Random, createRandom())
  container.value(TrustedAuthorities, createTrustedAuthorities())
  const systemResolvers = createSystemResolvers()
  await systemResolvers.refresh()
  container.value(SystemResolvers, systemResolvers)
  container.value(DatagramSockets, createDatagramSockets())
  container.value(DnsListeners, createDnsListeners())
  container.value(WebSockets, createWebSockets({ caFile: config.ca_file }))
  container.value(TunDevices, createTunDevices())
  container.value(NetworkInterfaces, createNetworkInterfaces())
  container.value(SecretFiles, createSecretFiles(modules.folder))
  const pluginMetrics = new PluginMetrics()
  container.value(Metrics, pluginMetrics)
  add(container, logger)
  const context = { folder: modules.folder, host: role, hostVersion: version }
  const installation = await loadHostPlugins(container, [TunnelTransports, UpstreamResolvers, ...points], {
    entries: config.plugins,
    modules,
    context,
  })
  return { container, installation, pluginMetrics }
}
