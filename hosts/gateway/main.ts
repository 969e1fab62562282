// Composition root of a gateway.
import { UpstreamResolvers, type Extension } from '../../core/contract/extension-point.ts'
import type { UpstreamResolver } from '../../core/contract/upstream-resolver.ts'
import { GatewayFlows } from '../../core/flow/gateway/gateway-flows.ts'
import { parseAdvertised } from '../../core/ice/advertised-address.ts'
import { chosenResolvers } from '../../core/plugin/chosen-resolvers.ts'
import { PluginLog } from '../../core/plugin/plugin-log.ts'
import { DatagramSockets } from '../../core/runtime/datagram-socket.ts'
import { SystemNames } from '../../core/runtime/dns-exchange.ts'
import { DnsListeners } from '../../core/runtime/dns-listener.ts'
import { MachineLoad } from '../../core/runtime/machine-load.ts'
import { Random } from '../../core/runtime/random.ts'
import type { ControlSocket } from '../peer/control-socket.ts'
import { openPeer } from '../peer/open-peer.ts'
import type { GatewayStart, RunningGateway } from './config.ts'
import { buildContainer } from './container.ts'
import { gatewaySocket, openGatewaySocket } from './control-socket.ts'
import { gatewayStatusOf } from './gateway-status.ts'
import { rehearseGateway } from './rehearsal.ts'
import { GatewayShell } from './shell.ts'
import { SiteNames } from './site-names.ts'
import { askSiteResolvers } from './site-resolvers.ts'
import { GatewayState } from './state.ts'

/**
 * Starts a gateway. Needs root, or CAP_NET_ADMIN.
 * @throws OperatorError for errors in the configuration or its plugins, and system errors of the device and the sockets
 */
export const startGateway = async (options: GatewayStart): Promise<RunningGateway> => {
  const { config } = options
  const wiring = await buildContainer(options)
  const { container } = wiring
  const resolvers = chosenResolvers(container.get(UpstreamResolvers.token), config.resolvers)
  const { tunnel, transport, lane, laneMachine, portalUrl, identity, ports, run } = await openPeer(wiring, {
    ...options,
    role: 'gateway',
    component: 'gateway',
    laneWish: process.env.PORTREEVE_LANE,
    flows: () => new GatewayFlows(),
    entry: import.meta.url,
  })
  const state = new GatewayState({
    random: container.get(Random),
    tunnel,
    transport,
    lane: laneMachine,
    clocksAt: () => ports.clock.pair(),
    allowsOwnAddresses: config.own_addresses === 'allow',
    portalUrl,
    mtu: config.mtu,
    advertised: config.advertised_addresses.flatMap((text) => parseAdvertised(text) ?? []),
  })
  const plugins = new PluginLog(ports)
  const failuresOf = (resolver: Extension<UpstreamResolver>) =>
    plugins.of(resolver, 'a resolver plugin failed: the next resolver is asked')
  const shell = new GatewayShell(state, {
    config,
    identity: { ...identity, isEphemeral: config.ephemeral },
    ports: {
      ...ports,
      names: new SiteNames({
        ask: (query) => askSiteResolvers(resolvers, query, failuresOf),
        system: container.get(SystemNames),
      }),
      sockets: container.get(DatagramSockets),
      load: container.get(MachineLoad),
      listeners: container.get(DnsListeners),
    },
  })
  let control: ControlSocket | undefined
  const controlPart = {
    start: async () => {
      const path = gatewaySocket(config)
      control = await openGatewaySocket(path, {
        status: () => {
          const { pluginMetrics } = wiring
          const problems = ports.hostProblems.problems()
          return Promise.resolve(
            gatewayStatusOf(state, { clocks: ports.clock.pair(), lane, portalUrl, problems, pluginMetrics }),
          )
        },
      })
    },
    stop: () => control?.close(),
  }
  return { ended: shell.ended, stop: await run({ before: [controlPart], shell, rehearse: rehearseGateway }) }
}
