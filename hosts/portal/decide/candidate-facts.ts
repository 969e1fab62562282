import { Facts, type Fact } from '../../../core/contract/facts.ts'
import type { KnownFacts } from '../../../core/policy/known-facts.ts'
import { HOUR, SECOND, unixTime, type UnixTime } from '../../../core/runtime/time.ts'
import type { PresentGateway } from './presence.ts'

/** Round trip to a gateway, as a client measured it. */
export interface MeasuredRoundTrip {
  milliseconds: number
  /** Time of the measurement, as the client says. */
  at: UnixTime
}

/** Interval of gateways' reports about their load. */
export const LOAD_INTERVAL_MS = 10 * SECOND
/** Time for which a report about a load counts: a few may be lost. */
const LOAD_GOOD_FOR_MS = 3 * LOAD_INTERVAL_MS
/** Time for which a measured round trip counts. */
const ROUND_TRIP_GOOD_FOR_MS = 1 * HOUR

/** Returns the facts of one gateway that may serve. */
export const candidateFacts = (
  { name, version, remoteIp, since, load }: PresentGateway,
  { clients, roundTrip, at }: { clients: number; roundTrip?: MeasuredRoundTrip | undefined; at: UnixTime },
): KnownFacts => {
  const known = new Map<string, Fact<unknown>>()
  const put = (fact: string, about: Fact<unknown>): void => {
    const { value, validUntil } = about
    if (value !== undefined && (validUntil === undefined || validUntil > at)) known.set(fact, Object.freeze(about))
  }
  put(Facts.gateway.name.name, { value: name, source: 'portal', since })
  put(Facts.gateway.address.name, { value: remoteIp, source: 'portal', since })
  put(Facts.gateway.clients.name, { value: clients, source: 'portal', since: at })
  put(Facts.gateway.version.name, { value: version, source: 'gateway', since })
  if (load !== undefined) {
    const reported = { source: 'gateway', since: load.at, validUntil: unixTime(load.at + LOAD_GOOD_FOR_MS) }
    put(Facts.gateway.processorShare.name, { value: load.processorShare, ...reported })
    put(Facts.gateway.bytesPerSecond.name, { value: load.bytesPerSecond, ...reported })
  }
  if (roundTrip !== undefined) {
    const validUntil = unixTime(roundTrip.at + ROUND_TRIP_GOOD_FOR_MS)
    put(Facts.path.roundTripMs.name, {
      value: roundTrip.milliseconds,
      source: 'client',
      since: roundTrip.at,
      validUntil,
    })
  }
  return known
}
