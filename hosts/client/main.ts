// The composition root of a client.
import { hostname } from 'node:os'
import { TunnelTransports, type TunnelTransport } from '../../core/contract/tunnel-transport.ts'
import { UpstreamResolvers } from '../../core/contract/upstream-resolver.ts'
import { shownUrl } from '../../core/control/connect-request.ts'
import { deviceKeyFingerprint } from '../../core/control/device-proof.ts'
import type { Container } from '../../core/di.ts'
import { ClientFlows } from '../../core/flow/client/client-flows.ts'
import { createdTunnel, generatedKeys } from '../../core/plugin/generated-keys.ts'
import { requiredExtension } from '../../core/plugin/required-extension.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { DatagramSockets } from '../../core/runtime/datagram-socket.ts'
import { DnsListeners } from '../../core/runtime/dns-listener.ts'
import { Lifecycle } from '../../core/runtime/lifecycle.ts'
import { Logger } from '../../core/runtime/logger.ts'
import {
  NetworkConfiguration,
  OWN_SOCKET_MARK,
  ResolverConfiguration,
} from '../../core/runtime/network-configuration.ts'
import { NetworkInterfaces } from '../../core/runtime/network-interfaces.ts'
import { Random, uuid } from '../../core/runtime/random.ts'
import { unixOf } from '../../core/runtime/time.ts'
import { TunDevices } from '../../core/runtime/tun-device.ts'
import { WebSockets } from '../../core/runtime/web-socket.ts'
import { keptId } from '../peer/kept-id.ts'
import { userAgent } from '../peer/user-agent.ts'
import { createDnsExchange } from '../runtime/index.ts'
import { chooseLane } from '../runtime/lane/choose-lane.ts'
import { openLane } from '../runtime/lane/open-lane.ts'
import type { ClientStart } from './config.ts'
import { buildContainer } from './container.ts'
import { keptDeviceKey } from './kept-device-key.ts'
import { inspectName } from './names/name-inspection.ts'
import type { RunningClient } from './session/running-client.ts'
import { ClientShell } from './shell.ts'
import { ClientState } from './state.ts'
import { statusOf } from './status.ts'

/**
 * Looks at the configuration's plugins as a start does, and starts nothing: nobody should sign in first and hear of it then.
 * @throws OperatorError for what is wrong with the plugins
 */
export const checkClientPlugins = async (options: Omit<ClientStart, 'token'>): Promise<void> => {
  const { container } = await buildContainer(options, {
    markFor: () => OWN_SOCKET_MARK,
    isResource: () => false,
    answer: () => Promise.resolve(new Uint8Array()),
  })
  tunnelTransport(container)
}

/**
 * Starts a client. It needs root, or CAP_NET_ADMIN.
 * @throws OperatorError for what is wrong with the configuration or its plugins, and system errors of the device and the sockets
 */
export const startClient = async (options: ClientStart): Promise<RunningClient> => {
  const { config, token, version } = options
  const known: { state?: ClientState; shell?: ClientShell } = {}
  // An upstream resolver that is itself a resource is reached like one (D12); all else of ours goes around the tunnel.
  const { container, installation } = await buildContainer(options, {
    markFor: (to) => (known.state?.routes.carries(to) === true ? undefined : OWN_SOCKET_MARK),
    isResource: (name) => known.state?.isResource(name) ?? false,
    answer: async (message) => (await known.shell?.answer(message, 'tcp'))?.message ?? new Uint8Array(),
  })
  const clock = container.get(Clock)
  const random = container.get(Random)
  const logger = container.get(Logger)
  const upstreams = container.get(UpstreamResolvers.token)
  const transport = tunnelTransport(container)
  const lane = chooseLane(process.env.PORTREEVE_LANE, transport)
  const { machine, openCarrier } = openLane(lane, {
    flows: () => new ClientFlows(),
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
  const { hostname: portalHost } = new URL(config.portal_url)
  const portalUrl = shownUrl({ role: 'client', portalUrl: config.portal_url })
  const resolverKinds = new Set(upstreams.keys())
  const state = new ClientState({
    random,
    tunnel,
    transport: container.get(TunnelTransports.token).get(TRANSPORT)?.plugin,
    lane: machine,
    resolverKinds,
    portalHost,
    portalUrl,
    mtu: config.mtu,
  })
  known.state = state
  const deviceKey = await keptDeviceKey(config.state_folder, random)
  const shell = new ClientShell(state, {
    config,
    identity: {
      id: config.id ?? (await keptId(config.state_folder, () => uuid(random))),
      name: config.name ?? hostname(),
      keys,
      token,
      deviceKey,
      userAgent: userAgent('headless-client', version),
    },
    ports: {
      clock,
      logger,
      upstreams,
      openCarrier,
      listeners: container.get(DnsListeners),
      webSockets: container.get(WebSockets),
      interfaces: container.get(NetworkInterfaces),
      network: container.get(NetworkConfiguration),
      resolver: container.get(ResolverConfiguration),
      exchange: createDnsExchange(),
      bypassingExchange: createDnsExchange({ markFor: () => OWN_SOCKET_MARK }),
    },
  })
  known.shell = shell
  const lifecycle = new Lifecycle()
  await lifecycle.start([...installation.parts, shell])
  logger.info(
    { version, lane: lane.kind, why: lane.reason, plugins: installation.plugins.map(({ name }) => name) },
    'the client runs',
  )
  let isUsable = false
  return {
    status: () => {
      // Later changes of routes do not make it less connected.
      isUsable ||= state.linkState === 'connected' && shell.isSettled
      return statusOf(state, {
        clocks: clock.pair(),
        account: config.account,
        portalUrl,
        deviceKey: deviceKeyFingerprint(deviceKey.publicKey),
        isUsable,
        lane,
      })
    },
    inspectName: (question) =>
      inspectName(question, {
        ask: (message, protocol) => shell.answer(message, protocol),
        resources: state.resources.status(clock.now()),
        troubleWith: (name) => state.findings.status().find((one) => one.name === name)?.why,
        now: () => clock.now(),
      }),
    ended: shell.ended,
    stop: () => lifecycle.stop(),
  }
}

const TRANSPORT = 'wireguard'

const tunnelTransport = (container: Container): TunnelTransport =>
  requiredExtension(container.get(TunnelTransports.token), {
    key: TRANSPORT,
    what: 'tunnel transport',
    use: 'builtin:transport-wireguard',
  })
