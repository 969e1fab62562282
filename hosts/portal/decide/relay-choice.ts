import type { Coordinates } from '../../../core/contract/relay-provider.ts'
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
  accountId: string
  /** Number that follows from the id (`placeInOrder`). */
  order: number
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
  return [asker.failed.has(id) ? 1 : 0, near, mixed(asker.order ^ placeInOrder(id))]
}

/** Returns a number of 32 bits that follows from a UUID, for the order in which a peer takes relays. */
export const placeInOrder = (id: string): number => {
  let number = 0
  for (let at = 0; at < id.length; at++) number = Math.imul(number ^ id.charCodeAt(at), 0x0100_0193)
  return number >>> 0
}

/** Spreads the bits of a number, as the finalizer of MurmurHash3 does, so that similar numbers have no similar order. */
const mixed = (number: number): number => {
  let mix = Math.imul(number ^ (number >>> 16), 0x85eb_ca6b)
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2_ae35)
  return (mix ^ (mix >>> 16)) >>> 0
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
