import type { Endpoint } from '../runtime/endpoint.ts'
import type { StunStatus } from './reflexive-addresses.ts'

/** Search for a path to a peer, for people. */
export interface PathSearch {
  /** Endpoints that the peer has offered. */
  tried: readonly Endpoint[]
  /** STUN servers that this machine has asked where it can be reached. */
  stun: readonly StunStatus[]
}
