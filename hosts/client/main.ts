// Composition root of a client.
import { FactSources, UpstreamResolvers } from '../../core/contract/extension-point.ts'
import { deviceKeyFingerprint } from '../../core/control/device-proof.ts'
import { ClientFlows } from '../../core/flow/client/client-flows.ts'
import { chosenResolvers } from '../../core/plugin/chosen-resolvers.ts'
import { SystemNames, SystemResolvers } from '../../core/runtime/dns-exchange.ts'
import { DnsListeners } from '../../core/runtime/dns-listener.ts'
import { OWN_SOCKET_MARK, ResolverConfiguration } from '../../core/runtime/network-configuration.ts'
import { Random } from '../../core/runtime/random.ts'
import { openPeer } from '../peer/open-peer.ts'
import { createDnsExchange } from '../runtime/index.ts'
import type { ClientStart } from './config.ts'
import { buildContainer } from './container.ts'
import { keptDeviceKey } from './kept-device-key.ts'
import { inspectName } from './names/name-inspection.ts'
import { KeptNamesFile } from './names/kept-names-file.ts'
import { OwnNames } from './names/own-names.ts'
import { upstreamReader } from './names/upstreams.ts'
import type { RunningClient } from './session/running-client.ts'
import { rehearseClient } from './rehearsal.ts'
import { ClientShell } from './shell.ts'
import { ClientState } from './state.ts'
import { statusOf } from './status.ts'
import { TunnelRoutes } from './tunnel-routes.ts'

export { checkClientPlugins } from './check-plugins.ts'

/**
 * Starts a client. Needs root, or CAP_NET_ADMIN.
 * @throws OperatorError for errors in the configuration or its plugins, and system errors of the device and the sockets
 */
export const startClient = async (options: ClientStart): Promise<RunningClient> => {
  const { config } = options
  // Own sockets bypass the tunnel, except those to an upstream resolver that is itself a resource (D12).
  const routes = new TunnelRoutes()
  const markFor = (to: Parameters<TunnelRoutes['carries']>[0]) => (routes.carries(to) ? undefined : OWN_SOCKET_MARK)
  const ownNames = new OwnNames(createDnsExchange({ markFor }))
  const wiring = await buildContainer(options, { markFor, exchange: ownNames })
  const { container } = wiring
  const random = container.get(Random)
  const upstreams = container.get(UpstreamResolvers.token)
  const own = chosenResolvers(upstreams, config.resolvers)
  const { tunnel, transport, lane, laneMachine, portalUrl, identity, ports, run } = await openPeer(wiring, {
    ...options,
    role: 'client',
    component: 'headless-client',
    laneWish: process.env.PORTREEVE_LANE,
    flows: () => new ClientFlows(),
    entry: import.meta.url,
  })
  const { clock } = ports
  const names = new KeptNamesFile({ folder: config.state_folder, logger: ports.logger })
  const state = new ClientState({
    random,
    tunnel,
    transport,
    lane: laneMachine,
    readUpstream: upstreamReader(upstreams),
    portalHost: new URL(config.portal_url).hostname,
    portalUrl,
    mtu: config.mtu,
    routes,
    kept: await names.read(random),
  })
  const deviceKey = await keptDeviceKey(config.state_folder, random)
  const shell = new ClientShell(state, {
    config,
    identity: { ...identity, deviceKey },
    ports: {
      ...ports,
      upstreams,
      factSources: container.get(FactSources.token),
      own,
      names,
      system: container.get(SystemResolvers),
      systemNames: container.get(SystemNames),
      listeners: container.get(DnsListeners),
      resolver: container.get(ResolverConfiguration),
      exchange: createDnsExchange(),
      bypassingExchange: createDnsExchange({ markFor: () => OWN_SOCKET_MARK }),
    },
  })
  ownNames.setResolver({
    isResource: (name) => state.isResource(name),
    answer: async (message) => (await shell.answer(message, 'tcp')).message,
  })
  const stop = await run({ shell, rehearse: rehearseClient })
  let isUsable = false
  return {
    status: () => {
      // Once the first configuration is applied, later changes of routes do not affect the state.
      isUsable ||= state.linkState === 'connected' && shell.isSettled
      return statusOf(state, {
        clocks: clock.pair(),
        account: config.account,
        portalUrl,
        deviceKey: deviceKeyFingerprint(deviceKey.publicKey),
        isUsable,
        lane,
        pluginMetrics: wiring.pluginMetrics,
        problems: ports.hostProblems.problems(),
      })
    },
    inspectName: (question) =>
      inspectName(question, {
        ask: (message, protocol) => shell.answer(message, protocol),
        resources: state.resources.status(clock.now()),
        troubleWith: (name) => state.findings.status().find((one) => one.name === name)?.why,
        now: () => clock.now(),
      }),
    wantAccess: (resourceId) => shell.wantAccess(resourceId),
    ended: shell.ended,
    stop,
  }
}
