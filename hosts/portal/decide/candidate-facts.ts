import { Facts, type Fact } from '../../../core/contract/facts.ts'
import type { KnownFacts } from '../../../core/policy/known-facts.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import type { PresentGateway } from './presence.ts'

/** Returns the facts of one gateway that may serve. Nobody measures the round trip to it, so that this one is unknown. */
export const candidateFacts = (
  { name, version, remoteIp, since }: PresentGateway,
  { clients, at }: { clients: number; at: UnixTime },
): KnownFacts => {
  const known: [string, Fact<unknown>][] = [
    [Facts.gateway.name.name, { value: name, source: 'portal', since }],
    [Facts.gateway.address.name, { value: remoteIp, source: 'portal', since }],
    [Facts.gateway.clients.name, { value: clients, source: 'portal', since: at }],
    [Facts.gateway.version.name, { value: version, source: 'gateway', since }],
  ]
  return new Map(known.map(([fact, about]) => [fact, Object.freeze(about)]))
}
