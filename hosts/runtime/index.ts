// One factory for the Node implementation of each port in core/runtime. Importing this file does no I/O.
import type { Clock } from '../../core/runtime/clock.ts'
import type { DatagramSockets } from '../../core/runtime/datagram-socket.ts'
import type { DnsListeners } from '../../core/runtime/dns-listener.ts'
import type { DnsExchange, SystemNames } from '../../core/runtime/dns-exchange.ts'
import type { HttpClient } from '../../core/runtime/http-client.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import type { MachineLoad } from '../../core/runtime/machine-load.ts'
import type { NetworkConfiguration, ResolverConfiguration } from '../../core/runtime/network-configuration.ts'
import type { NetworkInterfaces } from '../../core/runtime/network-interfaces.ts'
import type { OutgoingSockets } from '../../core/runtime/outgoing-sockets.ts'
import type { Random } from '../../core/runtime/random.ts'
import type { SecretFiles } from '../../core/runtime/secret-files.ts'
import type { SecretStore } from '../../core/runtime/secret-store.ts'
import type { TrustedAuthorities } from '../../core/runtime/trusted-authorities.ts'
import type { TunDevices } from '../../core/runtime/tun-device.ts'
import type { WebSockets } from '../../core/runtime/web-socket.ts'
import { SystemClock } from './clock.ts'
import { NativeDatagramSockets } from './datagram-socket.ts'
import { TcpDnsListeners } from './dns-listener.ts'
import { SocketDnsExchange, type DnsExchangeOptions } from './dns-exchange.ts'
import { FileSecretStore } from './file-secret-store.ts'
import { NodeHttpClient, type HttpClientOptions } from './http-client.ts'
import { LinuxMachineLoad } from './linux/machine-load.ts'
import { LinuxNetworkConfiguration, type LinuxNetworkOptions } from './linux/network-configuration.ts'
import { LinuxResolverConfiguration, type ResolverConfigurationOptions } from './linux/resolver-configuration.ts'
import { Upkeep } from './linux/upkeep.ts'
import { SecretServiceStore } from './linux/secret-service-store.ts'
import { monitored } from './linux/stirs.ts'
import { LinuxSystemNames, type SystemNameFiles } from './linux/system-names.ts'
import { LinuxSystemResolvers } from './linux/system-resolvers.ts'
import { PinoLogger, type LoggerOptions } from './logger.ts'
import { SystemNetworkInterfaces } from './network-interfaces.ts'
import { SystemRandom } from './random.ts'
import { NodeOutgoingSockets, type OutgoingSocketsOptions } from './outgoing-sockets.ts'
import { FolderSecretFiles } from './secret-file.ts'
import { LinuxTunDevices } from './tun-device.ts'
import { TrustedCertificates, type TrustOptions } from './trusted-certificates.ts'
import { WsWebSockets } from './web-socket.ts'

export type { LoggerOptions, LogLevel } from './logger.ts'
export type { ResolverConfigurationOptions, ResolverMode } from './linux/resolver-configuration.ts'
export type { DnsExchangeOptions } from './dns-exchange.ts'
export type { OutgoingSocketsOptions } from './outgoing-sockets.ts'
export type { HttpClientOptions } from './http-client.ts'
export { permitInternetAnd } from './permitted-addresses.ts'
export type { Destination, MarkFor } from './outgoing-socket.ts'
export { loadAddon } from './native/addon.ts'
export { hasNetAdmin, needNetAdmin } from './linux/net-admin.ts'
export { clearMachine, repairMachine } from './linux/left-behind.ts'
export { HostProblemError, type Upkeep } from './linux/upkeep.ts'
export { checkMachine, type MachineQuestion } from './linux/machine-check.ts'
export { needFreeMachine, ownedDevices } from './linux/machine-owner.ts'
export { checkCaFile, TrustedCertificates } from './trusted-certificates.ts'
export { lookUpAll } from './look-up-all.ts'
export { probePortal, type PortalProbe } from './portal-probe.ts'
export { outgoingConnections, type ConnectionRequest } from './outgoing-connection.ts'
export { checkProxies } from './proxy-settings.ts'

export const createClock = (): Clock => new SystemClock()
export const createMachineLoad = (): MachineLoad => new LinuxMachineLoad()
export const createRandom = (): Random => new SystemRandom()
/**
 * Keeps secrets in files (mode 0600) of `folder`, or in the session's Secret Service, where `folder` tells
 * installations apart.
 */
export const createSecretStore = (kind: 'file' | 'secret-service', folder: string): SecretStore =>
  kind === 'file' ? new FileSecretStore(folder) : new SecretServiceStore(folder)
/** Reads secret files whose relative paths begin at `folder`. */
export const createSecretFiles = (folder: string): SecretFiles => new FolderSecretFiles(folder)
export const createLogger = (options: LoggerOptions = {}): Logger => PinoLogger.open(options)
export const createHttpClient = (options: HttpClientOptions = {}): HttpClient => new NodeHttpClient(options)
export const createDnsExchange = (options: DnsExchangeOptions = {}): DnsExchange => new SocketDnsExchange(options)
export const createOutgoingSockets = (options: OutgoingSocketsOptions = {}): OutgoingSockets =>
  new NodeOutgoingSockets(options)
export const createDatagramSockets = (): DatagramSockets => new NativeDatagramSockets()
export const createDnsListeners = (): DnsListeners => new TcpDnsListeners()
export const createNetworkInterfaces = (): NetworkInterfaces => new SystemNetworkInterfaces()
/** Certificate authorities trusted by this machine, and those of the operator's `caFile`. */
export const createTrustedAuthorities = (options: TrustOptions = {}): TrustedAuthorities =>
  new TrustedCertificates(options)
export const createWebSockets = (options: TrustOptions = {}): WebSockets => new WsWebSockets(options)
export const createTunDevices = (): TunDevices => new LinuxTunDevices()

export const createSystemNames = (files: SystemNameFiles = {}): SystemNames => new LinuxSystemNames(files)
export const createSystemResolvers = (options: { path?: string } = {}): LinuxSystemResolvers =>
  new LinuxSystemResolvers(options)

/** Keeps this machine's configuration in force for a role, as told by the kernel's events and every few seconds. */
export const createUpkeep = (options: { role: string; clock: Clock; logger?: Logger }): Upkeep =>
  new Upkeep({ ...options, stirs: monitored })

/** Configures the network of this machine; `upkeep`, by default one of its own, keeps that in force. */
export const createNetworkConfiguration = (options: Partial<LinuxNetworkOptions> = {}): NetworkConfiguration => {
  const { role = 'client', logger, upkeep } = options
  return new LinuxNetworkConfiguration({
    ...options,
    upkeep: upkeep ?? createUpkeep({ role, clock: new SystemClock(), ...(logger && { logger }) }),
  })
}

/** Sets the resolver of this machine; `upkeep`, by default one of its own, keeps that in force. */
export const createResolverConfiguration = (
  options: Partial<ResolverConfigurationOptions> = {},
): ResolverConfiguration => {
  const { logger, upkeep } = options
  return new LinuxResolverConfiguration({
    ...options,
    upkeep: upkeep ?? new Upkeep({ role: 'client', clock: new SystemClock(), ...(logger && { logger }) }),
  })
}
