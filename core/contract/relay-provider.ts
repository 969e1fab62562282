import type { Endpoint } from '../runtime/endpoint.ts'
import type { UnixTime } from '../runtime/time.ts'

/**
 * Names relays (TURN, RFC 8656) through which client and gateway reach each other where no direct path is, and makes
 * credentials for them.
 *
 * The portal sends a STUN Binding request to each endpoint every second, and offers peers only endpoints that answer: of all
 * relays of all providers the two that are nearest to the peer. A relay that falls silent is withdrawn within seconds.
 * If a method throws or is too slow (250 ms), that is logged: the relays listed before stay, a peer without credentials is offered
 * another relay, and both are asked for again within seconds.
 */
export interface RelayProvider {
  /**
   * Lists the present relays. Called at the portal's start, after each `changed`, and once a minute; answers at once, from
   * memory. Relays that are malformed are left out and logged.
   */
  readonly relays: () => readonly ProvidedRelay[]
  /**
   * Makes a peer's credentials at a relay of the latest list: a pure function, called once for each relay offered to a peer. The
   * same question has the same answer, so that a peer that connects to the portal again keeps its allocation. Credentials that
   * change otherwise need another id of the relay.
   */
  readonly credentials: (question: RelayCredentialsQuestion) => RelayCredentials
  /** Calls `changed` whenever `relays` has another answer. Returns a function that ends this. */
  readonly watch?: (changed: () => void) => () => void
}

/** Relay that peers may be offered. Plain data. */
export interface ProvidedRelay {
  /** UUID in lower case, the same for as long as the relay keeps its endpoints and its secret. */
  readonly id: string
  /** Name for people, of 1 to 255 characters. */
  readonly name: string
  /** UDP endpoints of the relay, from one to eight. Released peers take answers from port 3478 only. */
  readonly endpoints: readonly Endpoint[]
  /** URL (`wss://…`) of a WebSocket at the relay that carries the same datagrams, for peers whose UDP is blocked. */
  readonly websocketUrl?: string | undefined
  /** Place of the relay; by default that of its endpoints in the portal's `relays.places`. */
  readonly place?: Coordinates | undefined
  /** Id of the only account whose peers are offered the relay; absent: all accounts. */
  readonly accountId?: string | undefined
  /** Whether the provider knows that the relay is present, so that it is not probed. */
  readonly isKnownPresent?: boolean | undefined
}

/** Point on the globe, in degrees. */
export interface Coordinates {
  readonly latitude: number
  readonly longitude: number
}

/** Peer that needs credentials, and the relay that they are for. */
export interface RelayCredentialsQuestion {
  /** Id of a relay. */
  readonly relayId: string
  /** Public key of the peer, base64 of 32 bytes. */
  readonly publicKey: string
  /**
   * Text that stands for the peer and does not show its public key: unpadded base64 of its SHA-256. For user names, and
   * for quotas of a relay.
   */
  readonly salt: string
  /** Id of the peer's account, for quotas of a relay that several accounts share; absent where it is not known. */
  readonly accountId?: string | undefined
  /** Time at which the credentials expire, in whole seconds. The portal sends new ones long before. */
  readonly expiresAt: UnixTime
}

/** Credentials of a peer at a relay: long-term credentials of TURN. At most 512 characters each. */
export interface RelayCredentials {
  readonly username: string
  readonly password: string
}
