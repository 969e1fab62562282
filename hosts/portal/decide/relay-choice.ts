import type { Coordinates } from '../../../core/contract/relay-provider.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import type { Endpoint } from '../../../core/runtime/endpoint.ts'

/** Relay that peers may be offered: it answers. */
export interface PresentRelay {
  id: string
  /** Key of the plugin that provides it. */
  provider: string
  name: string
  /** Endpoints at which it answers, at least one. */
  endpoints: readonly Endpoint[]
  websocketUrl?: string
  place?: Coordinates
  /** Account whose peers alone are offered it; absent: all accounts. */
  accountId?: string
}

/** Peer that relays are chosen for. */
export interface RelayAsker {
  id: string
  accountId: string
  /** Place of the peer, if known. */
  place: Coordinates | undefined
  /** Ids of relays that the peer had no use for: others come first. */
  failed: ReadonlySet<string>
}

/** Number of relays that each peer is offered. */
export const OFFERED_RELAYS = 2

/**
 * Sorts the relays that a peer may use, nearest first: those that did not fail it, by distance in steps of 100 km, those of an
 * unknown place last. Relays of one distance come in an order of each peer's own, which stays the same while relays come and
 * go (rendezvous hashing), so that peers spread evenly.
 */
export const relaysFor = (relays: readonly PresentRelay[], asker: RelayAsker): PresentRelay[] =>
  relays
    .filter(({ accountId }) => accountId === undefined || accountId === asker.accountId)
    .map((relay) => ({ relay, rank: rankOf(relay, asker) }))
    .toSorted((a, b) => compare(a.rank, b.rank))
    .map(({ relay }) => relay)

const STEP_KM = 100

const rankOf = ({ id, place }: PresentRelay, asker: RelayAsker): number[] => {
  const near =
    place === undefined || asker.place === undefined
      ? Number.POSITIVE_INFINITY
      : Math.floor(kilometres(place, asker.place) / STEP_KM)
  const hash = sha256(`${asker.id} ${id}`)
  return [asker.failed.has(id) ? 1 : 0, near, new DataView(hash.buffer, hash.byteOffset, 4).getUint32(0)]
}

const compare = (a: readonly number[], b: readonly number[]): number => {
  const at = a.findIndex((rank, index) => rank !== b[index])
  return at < 0 ? 0 : (a[at] ?? 0) < (b[at] ?? 0) ? -1 : 1
}

const EARTH_RADIUS_KM = 6_371

/** Computes the distance of two places along the surface, by the haversine formula. */
const kilometres = (a: Coordinates, b: Coordinates): number => {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180
  const [latitude, other] = [radians(a.latitude), radians(b.latitude)]
  const half = (angle: number): number => Math.sin(angle / 2) ** 2
  const chord = half(other - latitude) + Math.cos(latitude) * Math.cos(other) * half(radians(b.longitude - a.longitude))
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(chord)))
}
