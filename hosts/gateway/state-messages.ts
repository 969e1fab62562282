// What happens to a gateway, and what it wants done.
import type { ServerVerdict } from '../../core/contract/upstream-resolver.ts'
import type { SiteResolverOutput } from '../../core/dns/site-resolver.ts'
import type { SiteServiceInput, SiteServiceOutput } from '../../core/dns/site-service.ts'
import type { NameQuery } from '../peer/name-sockets.ts'
import type { PeerInput, PeerOutput } from '../peer/peer-messages.ts'

export type GatewayInput =
  | PeerInput<'gateway'>
  /** The answer to `askSystem`. */
  | { type: 'systemAnswered'; ask: number; verdict: ServerVerdict }
  /** A DNS message to our own tunnel address. */
  | Extract<SiteServiceInput<NameQuery>, { type: 'siteQueryReceived' }>
  /** The answer to `forwardQuery`. */
  | { type: 'forwardAnswered'; ask: number; verdict: ServerVerdict }

export type GatewayOutput =
  | PeerOutput<'gateway'>
  /** Give the device these addresses, lead the clients' addresses to it, and forward what comes from it. */
  | { type: 'configureInterface'; ipv4: string; ipv6: string; masqueradeIpv4: boolean; masqueradeIpv6: boolean }
  | Extract<SiteResolverOutput, { type: 'askSystem' | 'cancelAsk' }>
  | Exclude<SiteServiceOutput<NameQuery>, { type: 'judgeName' }>
