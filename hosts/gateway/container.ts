// The gateway's wiring, as a table: ports by their Node implementations, extension points by the plugins that the configuration lists.
import { TunnelTransports } from '../../core/contract/tunnel-transport.ts'
import { UpstreamResolvers } from '../../core/contract/upstream-resolver.ts'
import { createContainer, type Container } from '../../core/di.ts'
import { installPlugins, type Installation } from '../../core/plugin/install-plugins.ts'
import { loadPlugins } from '../../core/plugin/load-plugins.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { DatagramSockets } from '../../core/runtime/datagram-socket.ts'
import { DnsExchange, SystemNames, SystemResolvers } from '../../core/runtime/dns-exchange.ts'
import { DnsListeners } from '../../core/runtime/dns-listener.ts'
import { HttpClient } from '../../core/runtime/http-client.ts'
import { Logger } from '../../core/runtime/logger.ts'
import { NetworkConfiguration } from '../../core/runtime/network-configuration.ts'
import { NetworkInterfaces } from '../../core/runtime/network-interfaces.ts'
import { Random } from '../../core/runtime/random.ts'
import { SecretFiles } from '../../core/runtime/secret-files.ts'
import { TrustedAuthorities } from '../../core/runtime/trusted-authorities.ts'
import { TunDevices } from '../../core/runtime/tun-device.ts'
import { WebSockets } from '../../core/runtime/web-socket.ts'
import {
  checkCaFile,
  createClock,
  createDatagramSockets,
  createDnsExchange,
  createDnsListeners,
  createHttpClient,
  createLogger,
  createNetworkConfiguration,
  createNetworkInterfaces,
  createRandom,
  createSecretFiles,
  createSystemNames,
  createSystemResolvers,
  createTrustedAuthorities,
  createTunDevices,
  createWebSockets,
} from '../runtime/index.ts'
import type { GatewayStart } from './config.ts'

export const buildContainer = async ({
  config,
  modules,
  version,
}: GatewayStart): Promise<{ container: Container; installation: Installation }> => {
  checkCaFile(config.ca_file)
  const container = createContainer()
  const logger = createLogger({ level: config.log_level, name: 'gateway' })
  container.value(Logger, logger)
  container.value(Clock, createClock())
  container.value(Random, createRandom())
  container.value(TrustedAuthorities, createTrustedAuthorities())
  container.value(HttpClient, createHttpClient())
  container.value(DnsExchange, createDnsExchange())
  container.value(SystemResolvers, createSystemResolvers())
  container.value(SystemNames, createSystemNames())
  container.value(DatagramSockets, createDatagramSockets())
  container.value(DnsListeners, createDnsListeners())
  container.value(WebSockets, createWebSockets({ caFile: config.ca_file }))
  container.value(TunDevices, createTunDevices())
  container.value(NetworkInterfaces, createNetworkInterfaces())
  container.value(NetworkConfiguration, createNetworkConfiguration({ logger, stateFolder: config.state_folder }))
  container.value(SecretFiles, createSecretFiles(modules.folder))
  const uses = await loadPlugins(config.plugins, modules)
  return { container, installation: installPlugins(container, [TunnelTransports, UpstreamResolvers], uses, version) }
}
