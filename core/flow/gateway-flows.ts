import type { PeerId } from '../contract/tunnel-transport.ts'
import type { Machine } from '../runtime/machine.ts'
import type { Instant } from '../runtime/time.ts'
import type { FlowResource } from './flow-resource.ts'

export type GatewayFlowsInput =
  /** Whole IP packets, borrowed until `handle` returns. */
  | { type: 'tunPackets'; packets: readonly Uint8Array[] }
  /** A packet that the tunnel opened, borrowed. */
  | { type: 'tunnelPacket'; peer: PeerId; packet: Uint8Array }
  | { type: 'interfaceConfigured'; ipv4: string; ipv6: string }
  | { type: 'peerAdded'; peer: PeerId; ipv4: string; ipv6: string }
  | { type: 'peerRemoved'; peer: PeerId }
  /** Also extends or shortens a grant that is held. Without `expiresAt` it never lapses. */
  | { type: 'granted'; peer: PeerId; resource: FlowResource; expiresAt?: Instant | undefined }
  | { type: 'revoked'; peer: PeerId; resourceId: string }
  /** Only its filters are taken over. */
  | { type: 'resourceUpdated'; resource: FlowResource }
  /** Resynchronisation: what is not listed is dropped, what is not held is not created. */
  | { type: 'retainOnly'; grants: readonly RetainedGrant[] }
  /** The answer to a `resolve`. `failed` (no answer at all) keeps what an earlier answer said. */
  | { type: 'resolved'; lookup: number; ipv4: readonly string[]; ipv6: readonly string[]; failed?: boolean }

export interface RetainedGrant {
  peer: PeerId
  resourceId: string
  expiresAt?: Instant | undefined
}

export type GatewayFlowsOutput =
  | { type: 'sendPacket'; peer: PeerId; packet: Uint8Array }
  | { type: 'writeTun'; packet: Uint8Array }
  | { type: 'resolve'; lookup: number; domain: string }
  /** Its last grant is gone and goodbye was sent. */
  | { type: 'removePeer'; peer: PeerId }
  /** A revoke took effect: no packet passes from here on. Also for a grant that was not held. */
  | { type: 'accessRejected'; peer: PeerId; resourceId: string }
  | { type: 'accessExpired'; peer: PeerId; resourceId: string }

export type GatewayFlowsMachine = Machine<GatewayFlowsInput, GatewayFlowsOutput>
