// What happens to a gateway, and what it wants done.
import type { UpstreamVerdict } from '../../core/contract/upstream-resolver.ts'
import type { SiteResolverOutput } from '../../core/dns/site-resolver.ts'
import type { SiteServiceInput, SiteServiceOutput } from '../../core/dns/site-service.ts'
import type { GatewayFlowsInput, GatewayFlowsOutput } from '../../core/flow/gateway/gateway-flows.ts'
import type { PeerInput, PeerOutput } from '../peer/peer-messages.ts'
import type { SiteQuery } from './site-listeners.ts'

export type GatewayInput =
  | PeerInput<'gateway', GatewayFlowsOutput>
  /** The answer to `askSystem`. */
  | { type: 'systemAnswered'; ask: number; verdict: UpstreamVerdict }
  /** A DNS message to our own tunnel address. */
  | Extract<SiteServiceInput<SiteQuery>, { type: 'siteQueryReceived' }>
  /** The answer to `askSite`. */
  | { type: 'siteAnswered'; ask: number; verdict: UpstreamVerdict }

export type GatewayOutput =
  | PeerOutput<'gateway', GatewayFlowsInput>
  /** Give the device these addresses, lead the clients' addresses to it, and forward what comes from it. */
  | { type: 'configureInterface'; ipv4: string; ipv6: string; masqueradeIpv4: boolean; masqueradeIpv6: boolean }
  | Extract<SiteResolverOutput, { type: 'askSystem' | 'cancelAsk' }>
  | Exclude<SiteServiceOutput<SiteQuery>, { type: 'judgeName' }>
