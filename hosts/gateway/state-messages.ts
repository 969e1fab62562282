// Inputs and outputs of a gateway's machine.
import type { AddressRanges } from '../../core/net/address-ranges.ts'
import type { ServerVerdict } from '../../core/contract/upstream-resolver.ts'
import type { SiteResolverOutput } from '../../core/dns/site-resolver.ts'
import type { SiteServiceInput, SiteServiceOutput } from '../../core/dns/site-service.ts'
import type { HostProblem } from '../../core/runtime/host-problems.ts'
import type { LoadReportsInput, LoadReportsOutput } from './load-reports.ts'
import type { NameQuery } from '../peer/name-sockets.ts'
import type { PeerInput, PeerOutput } from '../peer/peer-messages.ts'

export type GatewayInput =
  | PeerInput<'gateway'>
  /** Problems of this machine's configuration have come or gone. */
  | { type: 'hostProblemsChanged'; problems: readonly HostProblem[] }
  /** Answer to `askSystem`. */
  | { type: 'systemAnswered'; ask: number; verdict: ServerVerdict }
  /** DNS message that a client has sent to the gateway's tunnel address. */
  | Extract<SiteServiceInput<NameQuery>, { type: 'siteQueryReceived' }>
  | Extract<LoadReportsInput, { type: 'loadRead' }>
  /** Answer to `forwardQuery`. */
  | { type: 'forwardAnswered'; ask: number; verdict: ServerVerdict }

export type GatewayOutput =
  | PeerOutput<'gateway'>
  /** Set the device's addresses, route the clients' addresses to it, and forward packets from it. */
  | {
      type: 'configureInterface'
      ipv4: string
      ipv6: string
      ranges: AddressRanges
      masqueradeIpv4: boolean
      masqueradeIpv6: boolean
    }
  | Extract<SiteResolverOutput, { type: 'askSystem' | 'cancelAsk' }>
  | Extract<LoadReportsOutput, { type: 'readLoad' }>
  | Exclude<SiteServiceOutput<NameQuery>, { type: 'judgeName' }>
