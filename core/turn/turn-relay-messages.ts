import type { Endpoint, Family } from '../runtime/endpoint.ts'
import type { Allocation, ClientWay } from './allocation.ts'

/** Inputs of `TurnRelay`. */
export type TurnRelayInput =
  /** A datagram, or one message of a stream, from a client or anybody else. */
  | { type: 'clientDatagramReceived'; from: ClientWay; bytes: Uint8Array }
  /** A datagram at an allocation's relayed port. */
  | { type: 'peerDatagramReceived'; allocation: Allocation; family: Family; from: Endpoint; bytes: Uint8Array }
  /** Answer to `openPort`: the endpoint at which peers reach the port. */
  | { type: 'portOpened'; allocation: Allocation; family: Family; relayed: Endpoint }
  /** Answer to `openPort`: there is no such port. */
  | { type: 'portFailed'; allocation: Allocation; family: Family }
  /** Data of an allocation's client, or for it, was dropped because `admits` was false; so many datagrams. */
  | { type: 'dataRefused'; allocation: Allocation; datagrams: number }
  /** A client's stream has ended. */
  | { type: 'streamEnded'; from: ClientWay }
  /** Addresses of the machine, in canonical text; relayed addresses among them. */
  | { type: 'ownAddressesChanged'; addresses: readonly string[] }
  /** Addresses at which peers reach relayed ports. An allocation that has a port at another address ends. */
  | { type: 'relayedAddressesChanged'; addresses: Partial<Record<Family, string>> }
  /** Whether the relay serves. Where it does not, it answers nobody and has no allocation. */
  | { type: 'servingChanged'; serves: boolean }

/** Outputs of `TurnRelay`. */
export type TurnRelayOutput =
  | { type: 'sendToClient'; to: ClientWay; bytes: Uint8Array }
  | { type: 'sendToPeer'; allocation: Allocation; family: Family; to: Endpoint; bytes: Uint8Array }
  /** Asks for a UDP port of an allocation; `isEven` for an even one (RFC 8656 §7.2). */
  | { type: 'openPort'; allocation: Allocation; family: Family; isEven: boolean }
  /** An allocation, or its port of one family, has ended. */
  | { type: 'closePort'; allocation: Allocation; family: Family }
  /**
   * An account, by its id, has as many allocations or as much data a second as it may have; said once in a while. An empty
   * id stands for all peers of which no account is known.
   */
  | { type: 'accountReachedLimit'; account: string; limit: AccountLimit }

/** Limit of an account at a relay. */
export type AccountLimit = 'allocations' | 'bandwidth'

/** Reason why a relay drops a datagram, beside those of STUN's codec. */
export type RelayDrop =
  | 'not-serving'
  | 'not-turn'
  | 'bad-channel-data'
  | 'too-many-requests'
  | 'too-many-of-one-source'
  | 'too-many-strangers'
  | 'unknown-method'
  | 'no-allocation'
  | 'account-bandwidth'
  | 'no-channel'
  | 'no-permission'
  | 'no-such-relayed-port'
  | 'bad-indication'
  | 'no-port-of-family'
