// What happens to a client, and what it wants done.
import type { ServerVerdict, UpstreamServer, UpstreamVerdict } from '../../core/contract/upstream-resolver.ts'
import type { ClientFlowsInput } from '../../core/flow/client/client-flows.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import type { PeerInput, PeerOutput } from '../peer/peer-messages.ts'
import type { NameServiceInput, NameServiceOutput } from './names/name-service.ts'

export type ClientInput =
  | PeerInput<'client'>
  | { type: 'systemUpstreamsFound'; upstreams: readonly UpstreamServer[] }
  | { type: 'upstreamAnswered'; ask: number; verdict: UpstreamVerdict }
  | { type: 'siteAnswered'; ask: number; verdict: ServerVerdict }
  | Extract<NameServiceInput, { type: 'tcpQueryReceived' | 'inspectionRequested' }>
  | Extract<ClientFlowsInput, { type: 'listenersOpened' }>

export type ClientOutput =
  | PeerOutput<'client'>
  /** Give the device these addresses; again whenever they change. */
  | { type: 'configureInterface'; ipv4: string; ipv6: string }
  | { type: 'setRoutes'; prefixes: readonly string[] }
  | Extract<
      NameServiceOutput,
      { type: 'configureResolver' | 'askUpstream' | 'cancelAsk' | 'cancelSiteAsk' | 'answerTcpQuery' | 'inspected' }
    >
  /** Have a gateway asked what only its site knows, at its address in the tunnel; the answer is `siteAnswered`. */
  | { type: 'askGateway'; ask: number; server: Endpoint; message: Uint8Array; protocol: 'udp' | 'tcp' }
