// Inputs and outputs of a client's machine.
import type { AddressRanges } from '../../core/net/address-ranges.ts'
import type { ServerVerdict, UpstreamVerdict } from '../../core/contract/upstream-resolver.ts'
import type { ClientFlowsInput } from '../../core/flow/client/client-flows.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import type { PeerInput, PeerOutput } from '../peer/peer-messages.ts'
import type { NameServiceInput, NameServiceOutput } from './names/name-service.ts'
import type { OwnFactsInput } from './own-facts.ts'

export type ClientInput =
  | PeerInput<'client'>
  | { type: 'upstreamAnswered'; ask: number; verdict: UpstreamVerdict }
  | { type: 'siteAnswered'; ask: number; verdict: ServerVerdict }
  | Extract<NameServiceInput, { type: 'upstreamsFound' | 'tcpQueryReceived' | 'inspectionRequested' }>
  | Extract<ClientFlowsInput, { type: 'listenersOpened' | 'accessWanted' }>
  | Extract<OwnFactsInput, { type: 'factFound' }>
  /** Open connections of applications were ended by the system, as their routes into the tunnel are gone. */
  | { type: 'connectionsEnded'; count: number }

export type ClientOutput =
  | PeerOutput<'client'>
  /** Set the device's addresses, at first and whenever they change. */
  | { type: 'configureInterface'; ipv4: string; ipv6: string; ranges: AddressRanges }
  | { type: 'setRoutes'; prefixes: readonly string[] }
  | Extract<
      NameServiceOutput,
      {
        type:
          | 'keepNames'
          | 'configureResolver'
          | 'askUpstream'
          | 'cancelAsk'
          | 'cancelSiteAsk'
          | 'answerTcpQuery'
          | 'inspected'
      }
    >
  /** Ask a gateway, at its tunnel address, for a record that only its site has; the answer is `siteAnswered`. */
  | { type: 'askGateway'; ask: number; server: Endpoint; message: Uint8Array; protocol: 'udp' | 'tcp' }
