// Requests of a client whose credentials are proven (RFC 8656 §7 to §12), in the RFC's dialect and the released one:
// released peers repeat the attributes of Allocate in Refresh.
import { splitEndpoint, type Endpoint, type Family } from '../runtime/endpoint.ts'
import { after, MINUTE, SECOND, type Instant } from '../runtime/time.ts'
import {
  attribute,
  errorAttribute,
  readUint32,
  readXorAddress,
  readXorAddresses,
  uint32Attribute,
  UNKNOWN_ATTRIBUTES,
  unknownRequired,
  XOR_MAPPED_ADDRESS,
  xorAddressAttribute,
} from '../stun/stun-attributes.ts'
import type { StunAttribute, StunMessage } from '../stun/stun-message.ts'
import type { Allocation, ClientWay } from './allocation.ts'
import type { Allocations } from './allocations.ts'
import { FIRST_CHANNEL, LAST_ACCEPTED_CHANNEL } from './channel-data.ts'
import {
  ADDITIONAL_ADDRESS_FAMILY,
  addressErrorAttribute,
  ALLOCATE,
  CHANNEL_BIND,
  CHANNEL_NUMBER,
  CREATE_PERMISSION,
  EVEN_PORT,
  LIFETIME,
  readChannel,
  readFamily,
  readTransport,
  REFRESH,
  REQUESTED_ADDRESS_FAMILY,
  REQUESTED_TRANSPORT,
  RESERVATION_TOKEN,
  UDP,
  XOR_PEER_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from './turn-attributes.ts'
import type { TurnRelayOutput } from './turn-relay-messages.ts'

/** Request whose sender has proven the credentials of a user name. */
export interface ProvenRequest {
  from: ClientWay
  message: StunMessage
  username: string
}

/** Outcome of a request: success, an error code, or no answer yet. */
export type Outcome =
  | { type: 'done'; attributes: readonly (StunAttribute | undefined)[] }
  | { type: 'failed'; code: number; attributes?: readonly StunAttribute[] }
  /** The answer follows once ports of an allocation are open. */
  | { type: 'waiting'; allocation: Allocation }

export interface TurnRequestsOptions {
  allocations: Allocations
  /** Whether the relay has an address of a family for peers. */
  offers: (family: Family) => boolean
  /** Whether an endpoint is, or may become, a relayed one of the same relay. */
  isInHouse: (peer: Endpoint) => boolean
  /** Returns why a relay has nothing to do with a peer elsewhere; undefined if it is permitted. */
  whyRefused: (peer: Endpoint) => string | undefined
  /** The same of an address alone. */
  whyAddressRefused: (address: string) => string | undefined
  /** Returns the account of a user name; an empty one if none is known. */
  accountOf: (username: string) => string
  /** Called where an account has as many allocations as it may have. */
  accountIsFull: (account: string, now: Instant) => void
  push: (output: TurnRelayOutput) => void
}

const DEFAULT_LIFETIME_SECONDS = 600
const MAX_LIFETIME_SECONDS = 3_600
/** Lifetime of a permission (RFC 8656 §9). */
const PERMISSION_MS = 5 * MINUTE
/** Lifetime of a channel, and so of its permission: released peers renew a channel just every five minutes. */
const CHANNEL_MS = 10 * MINUTE

/** Attributes that must be understood and are, in any request: others are answered with 420. */
const KNOWN: Readonly<Record<number, readonly number[]>> = {
  [ALLOCATE]: [LIFETIME, REQUESTED_ADDRESS_FAMILY, REQUESTED_TRANSPORT, EVEN_PORT, RESERVATION_TOKEN],
  [REFRESH]: [LIFETIME, REQUESTED_ADDRESS_FAMILY, REQUESTED_TRANSPORT],
  [CREATE_PERMISSION]: [XOR_PEER_ADDRESS],
  [CHANNEL_BIND]: [XOR_PEER_ADDRESS, CHANNEL_NUMBER],
}
/** Attributes of credentials: USERNAME, REALM, NONCE, and the password algorithm's (RFC 8489 §14). */
const KNOWN_OF_CREDENTIALS = [0x0006, 0x0014, 0x0015, 0x001c, 0x001d]

/** Whether a relay has an answer to requests of a method. */
export const isTurnMethod = (method: number): boolean => KNOWN[method] !== undefined

/** Carries out the requests of a relay's clients. */
export class TurnRequests {
  readonly #options: TurnRequestsOptions
  /** Families of an allocation whose ports are not open yet, and the failed ones. */
  readonly #opening = new Map<Allocation, { open: Set<Family>; failed: Family[]; request: ProvenRequest }>()

  constructor(options: TurnRequestsOptions) {
    this.#options = options
  }

  handle(request: ProvenRequest, now: Instant): Outcome {
    const { message, from, username } = request
    const unknown = unknownRequired(message, [...KNOWN_OF_CREDENTIALS, ...(KNOWN[message.method] ?? [])])
    if (unknown.length > 0) return failed(420, unknownAttributes(unknown))
    const allocation = this.#options.allocations.of(from.listener, from.source)
    if (message.method === ALLOCATE) {
      if (allocation === undefined) return this.#allocate(request, now)
      return this.#opening.has(allocation) ? { type: 'waiting', allocation } : failed(437)
    }
    if (allocation === undefined) return failed(437)
    if (userOf(allocation.username) !== userOf(username)) return failed(441)
    allocation.heardAt = now
    switch (message.method) {
      case REFRESH:
        return this.#refresh(allocation, message, now)
      case CREATE_PERMISSION:
        return this.#createPermission(allocation, message, now)
      default:
        return this.#channelBind(allocation, message, now)
    }
  }

  /**
   * Takes the answer to `openPort`; returns what becomes of the Allocate request once there is an answer for each port.
   */
  settle(
    allocation: Allocation,
    family: Family,
    relayed: Endpoint | undefined,
  ): { request: ProvenRequest; outcome: Outcome } | undefined {
    const opening = this.#opening.get(allocation)
    if (opening === undefined || !opening.open.delete(family)) {
      if (relayed !== undefined) this.#options.push({ type: 'closePort', allocation, family })
      return undefined
    }
    if (relayed === undefined) opening.failed.push(family)
    else {
      allocation.relayed.set(family, relayed)
      this.#options.allocations.relay(allocation, relayed)
    }
    if (opening.open.size > 0) return undefined
    this.#opening.delete(allocation)
    const { request, failed: without } = opening
    if (allocation.relayed.size === 0) {
      this.#options.allocations.remove(allocation)
      return { request, outcome: failed(508) }
    }
    return { request, outcome: allocated(allocation, request, without) }
  }

  /** Ends an allocation: its ports are closed, and nothing of it is left. */
  end(allocation: Allocation): void {
    const { allocations, push } = this.#options
    this.#opening.delete(allocation)
    allocations.remove(allocation)
    for (const family of allocation.relayed.keys()) push({ type: 'closePort', allocation, family })
  }

  #allocate(request: ProvenRequest, now: Instant): Outcome {
    const { from, message, username } = request
    const { allocations, accountOf, accountIsFull, push } = this.#options
    const transport = readTransport(message)
    if (transport === undefined) return failed(400)
    if (transport !== UDP) return failed(442)
    // Reserved ports and pairs of ports are for RTP, which nobody sends here (RFC 8656 §7.2).
    const evenPort = attribute(message, EVEN_PORT)
    if (attribute(message, RESERVATION_TOKEN) !== undefined || ((evenPort?.[0] ?? 0) & 0x80) !== 0) return failed(508)
    const wanted = this.#wantedFamilies(message)
    if (typeof wanted === 'number') return failed(wanted)
    const families = wanted.filter((family) => this.#options.offers(family))
    if (families.length === 0) return failed(440)
    const user = { username, account: accountOf(username) }
    let added = allocations.add(from, user, now)
    while (typeof added === 'object' && 'endFirst' in added) {
      this.end(added.endFirst)
      added = allocations.add(from, user, now)
    }
    if (added === 'account-full') accountIsFull(user.account, now)
    if (typeof added === 'string') return failed(added === 'relay-full' ? 508 : 486)
    const allocation = added
    allocation.expiresAt = after(now, lifetimeSeconds(message) * SECOND)
    const without = wanted.filter((family) => !families.includes(family))
    this.#opening.set(allocation, { open: new Set(families), failed: without, request })
    for (const family of families) push({ type: 'openPort', allocation, family, isEven: evenPort !== undefined })
    return { type: 'waiting', allocation }
  }

  /** Returns the families that a client asks for, or the error code of a request that asks for none (RFC 8656 §7.2). */
  #wantedFamilies(message: StunMessage): Family[] | number {
    const requested = readFamily(message, REQUESTED_ADDRESS_FAMILY)
    const additional = readFamily(message, ADDITIONAL_ADDRESS_FAMILY)
    if (requested === 'other') return 440
    if (additional === undefined) return [requested ?? 'ipv4']
    return requested !== undefined || additional !== 'ipv6' ? 400 : ['ipv4', 'ipv6']
  }

  #refresh(allocation: Allocation, message: StunMessage, now: Instant): Outcome {
    const family = readFamily(message, REQUESTED_ADDRESS_FAMILY)
    if (family !== undefined && (family === 'other' || !allocation.relayed.has(family))) return failed(443)
    const seconds = readUint32(message, LIFETIME) === 0 ? 0 : lifetimeSeconds(message)
    if (seconds > 0) allocation.expiresAt = after(now, seconds * SECOND)
    else if (family === undefined || allocation.relayed.size === 1) this.end(allocation)
    else this.#endFamily(allocation, family)
    return { type: 'done', attributes: [uint32Attribute(LIFETIME, seconds)] }
  }

  #endFamily(allocation: Allocation, family: Family): void {
    const relayed = allocation.relayed.get(family)
    if (relayed === undefined) return
    this.#options.allocations.unrelay(relayed)
    allocation.relayed.delete(family)
    this.#options.push({ type: 'closePort', allocation, family })
  }

  #createPermission(allocation: Allocation, message: StunMessage, now: Instant): Outcome {
    const peers = readXorAddresses(message, XOR_PEER_ADDRESS)
    if (peers === undefined || peers.length === 0) return failed(400)
    const addresses = new Set<string>()
    for (const peer of peers) {
      const parts = splitEndpoint(peer)
      if (parts === undefined) return failed(400)
      if (!allocation.relayed.has(parts.family)) return failed(443)
      if (this.#options.whyAddressRefused(parts.address) !== undefined) return failed(403)
      addresses.add(parts.address)
    }
    const added = [...addresses].filter((address) => !allocation.isPermitted(address, now))
    if (!this.#options.allocations.takeRoom(allocation, added.length)) return failed(508)
    for (const address of addresses) allocation.permit(address, after(now, PERMISSION_MS))
    return { type: 'done', attributes: [] }
  }

  #channelBind(allocation: Allocation, message: StunMessage, now: Instant): Outcome {
    const number = readChannel(message)
    const peer = readXorAddress(message, XOR_PEER_ADDRESS)
    if (number === undefined || number < FIRST_CHANNEL || number > LAST_ACCEPTED_CHANNEL) return failed(400)
    const parts = peer === undefined ? undefined : splitEndpoint(peer)
    if (peer === undefined || parts === undefined) return failed(400)
    if (!allocation.relayed.has(parts.family)) return failed(443)
    const isInHouse = this.#options.isInHouse(peer)
    if (!isInHouse && this.#options.whyRefused(peer) !== undefined) return failed(403)
    const isNew = allocation.channelTo(peer, now) === undefined
    if (!this.#options.allocations.takeRoom(allocation, isNew ? 2 : 0)) return failed(508)
    const until = after(now, CHANNEL_MS)
    if (!allocation.bind(number, peer, { until, now, isInHouse })) return failed(400)
    allocation.permit(parts.address, until)
    return { type: 'done', attributes: [] }
  }
}

/** Attributes of a successful Allocate; a family that there is no port of is told by ADDRESS-ERROR-CODE. */
const allocated = (allocation: Allocation, request: ProvenRequest, without: readonly Family[]): Outcome => {
  const { message, from } = request
  const { transactionId } = message
  return {
    type: 'done',
    attributes: [
      ...[...allocation.relayed.values()].map((relayed) =>
        xorAddressAttribute(XOR_RELAYED_ADDRESS, relayed, transactionId),
      ),
      uint32Attribute(LIFETIME, lifetimeSeconds(message)),
      xorAddressAttribute(XOR_MAPPED_ADDRESS, mappedAt(from), transactionId),
      ...without.map((family) => addressErrorAttribute(family, 440, REASONS[440] ?? '')),
    ],
  }
}

/** Endpoint that a client is told as its own: its source, or 0.0.0.0:0 where it is at the end of a stream. */
export const mappedAt = ({ source }: ClientWay): Endpoint =>
  (splitEndpoint(source) === undefined ? '0.0.0.0:0' : source) as Endpoint

/** Reasons of error codes (RFC 8489 §14.8, RFC 8656 §19). */
const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  420: 'Unknown Attribute',
  437: 'Allocation Mismatch',
  438: 'Stale Nonce',
  440: 'Address Family not Supported',
  441: 'Wrong Credentials',
  442: 'Unsupported Transport Protocol',
  443: 'Peer Address Family Mismatch',
  486: 'Allocation Quota Reached',
  508: 'Insufficient Capacity',
}

/** Makes ERROR-CODE with the reason that the standards name. */
export const errorOf = (code: number): StunAttribute => errorAttribute(code, REASONS[code] ?? '')

const failed = (code: number, ...attributes: StunAttribute[]): Outcome => ({ type: 'failed', code, attributes })

const unknownAttributes = (types: readonly number[]): StunAttribute => ({
  type: UNKNOWN_ATTRIBUTES,
  value: new Uint8Array(types.flatMap((type) => [type >> 8, type & 0xff])),
})

/** Returns the part of a user name `<expiry>:<user>` that renewed credentials keep, so that an allocation outlives them. */
const userOf = (username: string): string => username.replace(/^\d+:/, '')

const lifetimeSeconds = (message: StunMessage): number =>
  Math.min(MAX_LIFETIME_SECONDS, Math.max(DEFAULT_LIFETIME_SECONDS, readUint32(message, LIFETIME) ?? 0))
