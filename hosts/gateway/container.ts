// Wiring of a gateway, in addition to that of every peer.
import { DnsExchange, SystemNames } from '../../core/runtime/dns-exchange.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { HostProblems } from '../../core/runtime/host-problems.ts'
import { MachineLoad } from '../../core/runtime/machine-load.ts'
import { HttpClient } from '../../core/runtime/http-client.ts'
import { NetworkConfiguration } from '../../core/runtime/network-configuration.ts'
import { OutgoingSockets } from '../../core/runtime/outgoing-sockets.ts'
import { buildPeerContainer, type PeerContainer } from '../peer/peer-container.ts'
import {
  createDnsExchange,
  createHttpClient,
  createMachineLoad,
  createNetworkConfiguration,
  createOutgoingSockets,
  createSystemNames,
  createUpkeep,
} from '../runtime/index.ts'
import type { GatewayConfig, GatewayStart } from './config.ts'

/** Options of a gateway that its plugins depend on. */
export type GatewayPlugins = Omit<GatewayStart, 'token' | 'config'> & {
  config: Pick<GatewayConfig, 'plugins' | 'log_level' | 'ca_file' | 'state_folder' | 'transport' | 'resolvers'>
}

export const buildContainer = (options: GatewayPlugins): Promise<PeerContainer> =>
  buildPeerContainer('gateway', options, {
    add: (container, logger) => {
      const stateFolder = options.config.state_folder
      const upkeep = createUpkeep({ role: 'gateway', clock: container.get(Clock), logger })
      container.value(HostProblems, upkeep)
      container.value(HttpClient, createHttpClient())
      container.value(DnsExchange, createDnsExchange())
      container.value(OutgoingSockets, createOutgoingSockets())
      container.value(SystemNames, createSystemNames())
      container.value(MachineLoad, createMachineLoad())
      container.value(
        NetworkConfiguration,
        createNetworkConfiguration({ role: 'gateway', logger, stateFolder, upkeep }),
      )
    },
  })
