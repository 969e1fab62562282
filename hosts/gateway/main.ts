// The composition root of a gateway.
import { hostname } from 'node:os'
import { TunnelTransports } from '../../core/contract/tunnel-transport.ts'
import { UpstreamResolvers } from '../../core/contract/upstream-resolver.ts'
import { shownUrl } from '../../core/control/connect-request.ts'
import { GatewayFlows } from '../../core/flow/gateway/gateway-flows.ts'
import { createdTunnel, generatedKeys } from '../../core/plugin/generated-keys.ts'
import { requiredExtension } from '../../core/plugin/required-extension.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { DatagramSockets } from '../../core/runtime/datagram-socket.ts'
import { SystemNames } from '../../core/runtime/dns-exchange.ts'
import { DnsListeners } from '../../core/runtime/dns-listener.ts'
import { Lifecycle } from '../../core/runtime/lifecycle.ts'
import { Logger } from '../../core/runtime/logger.ts'
import { NetworkConfiguration } from '../../core/runtime/network-configuration.ts'
import { NetworkInterfaces } from '../../core/runtime/network-interfaces.ts'
import { Random, uuid } from '../../core/runtime/random.ts'
import { unixOf } from '../../core/runtime/time.ts'
import { TunDevices } from '../../core/runtime/tun-device.ts'
import { WebSockets } from '../../core/runtime/web-socket.ts'
import type { ControlSocket } from '../peer/control-socket.ts'
import { keptId } from '../peer/kept-id.ts'
import { userAgent } from '../peer/user-agent.ts'
import { chooseLane } from '../runtime/lane/choose-lane.ts'
import { openLane } from '../runtime/lane/open-lane.ts'
import type { GatewayStart, RunningGateway } from './config.ts'
import { buildContainer } from './container.ts'
import { gatewaySocket, openGatewaySocket } from './control-socket.ts'
import { gatewayStatusOf } from './gateway-status.ts'
import { GatewayShell } from './shell.ts'
import { SiteNames } from './site-names.ts'
import { GatewayState } from './state.ts'

/**
 * Starts a gateway. It needs root, or CAP_NET_ADMIN.
 * @throws OperatorError for what is wrong with the configuration or its plugins, and system errors of the device and the sockets
 */
export const startGateway = async (options: GatewayStart): Promise<RunningGateway> => {
  const { config, token, version } = options
  const { container, installation } = await buildContainer(options)
  const clock = container.get(Clock)
  const random = container.get(Random)
  const logger = container.get(Logger)
  const transports = container.get(TunnelTransports.token)
  const transport = requiredExtension(transports, {
    key: TRANSPORT,
    what: 'tunnel transport',
    use: 'builtin:transport-wireguard',
  })
  const resolver = requiredExtension(container.get(UpstreamResolvers.token), {
    key: 'system',
    what: 'upstream resolver',
    use: 'builtin:resolver-system',
  })
  const lane = chooseLane(process.env.PORTREEVE_LANE, transport)
  const { machine, openCarrier } = openLane(lane, {
    flows: () => new GatewayFlows(),
    entry: import.meta.url,
    tunDevices: container.get(TunDevices),
    sockets: container.get(DatagramSockets),
  })
  // A fresh key per start: what was recorded of an earlier run cannot be opened with what is in memory now.
  const keys = generatedKeys(transport, random)
  const tunnel = createdTunnel(transport, {
    privateKey: keys.privateKey,
    random,
    exportsKeys: lane.kind === 'native',
    unixAt: (now) => unixOf(now, clock.pair()),
  })
  const clocksAt = () => clock.pair()
  const allowsOwnAddresses = config.own_addresses === 'allow'
  const { mtu } = config
  const portalUrl = shownUrl({ role: 'gateway', portalUrl: config.portal_url })
  const state = new GatewayState({
    random,
    tunnel,
    transport: transports.get(TRANSPORT)?.plugin,
    lane: machine,
    clocksAt,
    allowsOwnAddresses,
    portalUrl,
    mtu,
  })
  const shell = new GatewayShell(state, {
    config,
    identity: {
      id: config.id ?? (await keptId(config.state_folder, () => uuid(random))),
      name: config.name ?? hostname(),
      keys,
      token,
      userAgent: userAgent('gateway', version),
    },
    ports: {
      clock,
      logger,
      names: new SiteNames({ resolver, system: container.get(SystemNames) }),
      openCarrier,
      sockets: container.get(DatagramSockets),
      listeners: container.get(DnsListeners),
      webSockets: container.get(WebSockets),
      interfaces: container.get(NetworkInterfaces),
      network: container.get(NetworkConfiguration),
    },
  })
  let control: ControlSocket | undefined
  const door = {
    start: async () => {
      const path = gatewaySocket(config)
      control = await openGatewaySocket(path, {
        status: () => Promise.resolve(gatewayStatusOf(state, { lane, portalUrl })),
      })
    },
    stop: () => control?.close(),
  }
  const lifecycle = new Lifecycle()
  await lifecycle.start([door, ...installation.parts, shell])
  logger.info(
    { version, lane: lane.kind, why: lane.reason, plugins: installation.plugins.map(({ name }) => name) },
    'the gateway runs',
  )
  return { ended: shell.ended, stop: () => lifecycle.stop() }
}

const TRANSPORT = 'wireguard'
