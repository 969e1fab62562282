// Wiring of a client, in addition to that of every peer.
import { FactSources } from '../../core/contract/extension-point.ts'
import { DnsExchange, SystemNames } from '../../core/runtime/dns-exchange.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { HostProblems } from '../../core/runtime/host-problems.ts'
import { HttpClient } from '../../core/runtime/http-client.ts'
import { NetworkConfiguration, ResolverConfiguration } from '../../core/runtime/network-configuration.ts'
import { OutgoingSockets } from '../../core/runtime/outgoing-sockets.ts'
import { buildPeerContainer, type PeerContainer } from '../peer/peer-container.ts'
import {
  createHttpClient,
  createNetworkConfiguration,
  createOutgoingSockets,
  createResolverConfiguration,
  createSystemNames,
  createUpkeep,
  type MarkFor,
} from '../runtime/index.ts'
import type { ClientConfig, ClientStart } from './config.ts'

/** Network access of resolver plugins. */
export interface ResolversReach {
  /** Returns the SO_MARK of a socket by its destination; marked sockets bypass the tunnel. */
  markFor: MarkFor
  exchange: DnsExchange
}

/** Options of a client that its plugins depend on. */
export type ClientPlugins = Omit<ClientStart, 'token' | 'config'> & {
  config: Pick<ClientConfig, 'plugins' | 'log_level' | 'ca_file' | 'dns' | 'transport' | 'resolvers'>
}

export const buildContainer = (options: ClientPlugins, { markFor, exchange }: ResolversReach): Promise<PeerContainer> =>
  buildPeerContainer('client', options, {
    points: [FactSources],
    add: (container, logger) => {
      const upkeep = createUpkeep({ role: 'client', clock: container.get(Clock), logger })
      container.value(HostProblems, upkeep)
      container.value(HttpClient, createHttpClient({ markFor }))
      container.value(DnsExchange, exchange)
      container.value(SystemNames, createSystemNames())
      container.value(OutgoingSockets, createOutgoingSockets({ markFor }))
      container.value(NetworkConfiguration, createNetworkConfiguration({ role: 'client', logger, upkeep }))
      container.value(ResolverConfiguration, createResolverConfiguration({ mode: options.config.dns, logger, upkeep }))
    },
  })
