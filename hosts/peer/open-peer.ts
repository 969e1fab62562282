import { hostname } from 'node:os'
import { TunnelTransports, type Extension } from '../../core/contract/extension-point.ts'
import type { Tunnel, TunnelTransport } from '../../core/contract/tunnel-transport.ts'
import { shownUrl } from '../../core/control/connect-request.ts'
import type { Role } from '../../core/control/messages.ts'
import { newProcessId } from '../../core/control/process-header.ts'
import type { Container } from '../../core/di.ts'
import type { Flows } from '../../core/flow/flows.ts'
import type { Lane } from '../../core/flow/lane.ts'
import { chosenExtension } from '../../core/plugin/chosen-extension.ts'
import { createdTunnel, generatedKeys } from '../../core/plugin/generated-keys.ts'
import { PluginLog } from '../../core/plugin/plugin-log.ts'
import { pluginParts } from '../../core/plugin/plugin-part.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { DatagramSockets } from '../../core/runtime/datagram-socket.ts'
import { HostProblems } from '../../core/runtime/host-problems.ts'
import { Lifecycle, type Startable } from '../../core/runtime/lifecycle.ts'
import { Logger } from '../../core/runtime/logger.ts'
import { NetworkConfiguration } from '../../core/runtime/network-configuration.ts'
import { NetworkInterfaces } from '../../core/runtime/network-interfaces.ts'
import { Random, uuid } from '../../core/runtime/random.ts'
import type { Secret } from '../../core/runtime/secret.ts'
import { unixOf } from '../../core/runtime/time.ts'
import { TunDevices } from '../../core/runtime/tun-device.ts'
import { WebSockets } from '../../core/runtime/web-socket.ts'
import { chooseLane, type LaneChoice } from '../runtime/lane/choose-lane.ts'
import { openLane } from '../runtime/lane/open-lane.ts'
import { PluginFolders } from '../runtime/process/plugin-folders.ts'
import { PluginRejections } from '../runtime/process/plugin-rejections.ts'
import { warmUp } from '../runtime/process/warm-up.ts'
import { keptId } from './kept-id.ts'
import type { PeerContainer } from './peer-container.ts'
import type { FlowsOf } from './peer-messages.ts'
import type { PeerPorts } from './peer-shell.ts'
import type { RehearsalPorts } from './rehearsal.ts'
import type { PeerIdentity } from './portal-connection.ts'
import { userAgent } from './user-agent.ts'

export interface PeerToOpen<R extends Role> {
  role: R
  config: {
    portal_url: string
    state_folder: string
    id?: string | undefined
    name?: string | undefined
    /** Name under which a plugin has registered the tunnel transport; may be absent if there is only one. */
    transport?: string | undefined
    mtu: number
  }
  token: Secret
  /** Version of this package. */
  version: string
  /** Lane that the operator wants: the value of PORTREEVE_LANE. */
  laneWish: string | undefined
  /** Name of this kind of peer in its user agent, before the version: `gateway`. */
  component: string
  /** Creates the packet engine. */
  flows: () => Flows<FlowsOf[R]['input'], FlowsOf[R]['output']>
  /** URL of a module in the folder of `lane-worker`, the worker's module. */
  entry: string
}

/** Parts of a peer that exist before its machine and its device. */
export interface OpenedPeer<R extends Role> {
  tunnel: Tunnel
  /** Name of the tunnel transport plugin. */
  transport: string
  lane: LaneChoice
  /** Half of the lane that the peer's machine holds. */
  laneMachine: Lane<FlowsOf[R]['input'], FlowsOf[R]['output']>
  /** URL of the control channel, for people. */
  portalUrl: string
  identity: PeerIdentity
  ports: PeerPorts<R>
  /**
   * Starts `before`, the plugins and `shell`, in this order, and has a first connection rehearsed. Returns a function that
   * stops them all.
   */
  run: (parts: {
    before?: readonly Startable[]
    shell: Startable
    rehearse: (ports: RehearsalPorts) => boolean
  }) => Promise<() => Promise<void>>
}

/**
 * Chooses lane and transport of a peer and makes its keys. Keys are new at each start, so that recorded traffic of an
 * earlier run cannot be decrypted with keys found in memory later.
 * @throws OperatorError for errors in the configuration or its plugins
 */
export const openPeer = async <R extends Role>(
  { container, installation }: PeerContainer,
  { role, config, token, version, laneWish, component, flows, entry }: PeerToOpen<R>,
): Promise<OpenedPeer<R>> => {
  const clock = container.get(Clock)
  const random = container.get(Random)
  const logger = container.get(Logger)
  const { key, plugin, value: transport } = tunnelTransport(container, config.transport)
  const lane = chooseLane(laneWish, transport)
  const { machine, openCarrier } = openLane(lane, {
    flows,
    entry,
    tunDevices: container.get(TunDevices),
    sockets: container.get(DatagramSockets),
  })
  const keys = generatedKeys(transport, random)
  const tunnel = createdTunnel(transport, {
    privateKey: keys.privateKey,
    random,
    exportsKeys: lane.kind === 'native',
    unixAt: (now) => unixOf(now, clock.pair()),
  })
  return {
    tunnel,
    transport: plugin,
    lane,
    laneMachine: machine,
    portalUrl: shownUrl({ role, portalUrl: config.portal_url }),
    identity: {
      id: config.id ?? (await keptId(config.state_folder, () => uuid(random))),
      name: config.name ?? hostname(),
      keys,
      transport: key,
      token,
      process: newProcessId(random),
      userAgent: userAgent(component, version),
    },
    ports: {
      clock,
      logger,
      openCarrier,
      webSockets: container.get(WebSockets),
      datagramSockets: container.get(DatagramSockets),
      interfaces: container.get(NetworkInterfaces),
      network: container.get(NetworkConfiguration),
      hostProblems: container.get(HostProblems),
    },
    run: async ({ before = [], shell, rehearse }) => {
      const lifecycle = new Lifecycle()
      const log = new PluginLog({ logger, clock })
      const rejections = new PluginRejections({ folders: new PluginFolders(installation.folders), log })
      await lifecycle.start([rejections, ...before, ...pluginParts(installation.parts, { clock, logger }), shell])
      logger.info(
        { version, lane: lane.kind, why: lane.reason, plugins: installation.plugins.map(({ name }) => name) },
        `the ${role} runs`,
      )
      const rehearsal = { transport, random, exportsKeys: lane.kind === 'native', mtu: config.mtu }
      const endRehearsal = warmUp({ name: `${role} ${key}`, rehearse: () => rehearse(rehearsal) }, (error) =>
        logger.debug({ error }, 'a rehearsal failed: the first connection will take longer'),
      )
      return () => {
        endRehearsal()
        return lifecycle.stop()
      }
    },
  }
}

/**
 * Returns the tunnel transport that the configuration names, or the only one.
 * @throws OperatorError PLUGIN_MISSING, PLUGIN_CHOICE
 */
export const tunnelTransport = (container: Container, key: string | undefined): Extension<TunnelTransport> =>
  chosenExtension(container.get(TunnelTransports.token), {
    key,
    what: 'tunnel transport',
    setting: 'transport',
    prefix: 'transport-',
  })
