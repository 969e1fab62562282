// What a gateway tells its flows, and what they want of it.
import type { PeerId } from '../../contract/tunnel-transport.ts'
import type { SiteFindings } from '../../dns/site-finding.ts'
import type { PacketRefusal } from '../../net/packet-view.ts'
import type { Family } from '../../runtime/endpoint.ts'
import type { Instant } from '../../runtime/time.ts'
import type { ControlRefusal } from '../control-frame.ts'
import type { FlowResource } from '../flow-resource.ts'
import type { MtuChanged } from '../flows.ts'
import type { OutboundVerdict } from './gateway-peer.ts'

export type GatewayFlowsInput =
  /** Whole IP packets, borrowed until `handle` returns. */
  | { type: 'tunPackets'; packets: readonly Uint8Array[] }
  /** A packet that the tunnel opened, borrowed. */
  | { type: 'tunnelPacket'; peer: PeerId; packet: Uint8Array }
  | { type: 'interfaceConfigured'; ipv4: string; ipv6: string }
  /** Those of the gateway's machine, of all its other devices, canonical. They are not of the Internet. */
  | { type: 'ownAddressesChanged'; addresses: readonly string[] }
  /** Known by the same addresses, a peer keeps its grants and flows. */
  | { type: 'peerAdded'; peer: PeerId; ipv4: string; ipv6: string }
  | { type: 'peerRemoved'; peer: PeerId }
  | MtuChanged
  /** Of a peer that was added. Also extends or shortens a grant that is held. Without `expiresAt` it never lapses. */
  | { type: 'granted'; peer: PeerId; resource: FlowResource; expiresAt?: Instant | undefined }
  | { type: 'withdrawn'; peer: PeerId; resourceId: string }
  /** Only its filters are taken over. */
  | { type: 'resourceUpdated'; resource: FlowResource }
  /** Resynchronisation: what is not listed is dropped, what is not held is not created. */
  | { type: 'retainOnly'; grants: readonly RetainedGrant[] }
  /** The answer to a `resolve`. `failed` (no answer at all) keeps what an earlier answer said, `unanswered` that of one family. */
  | {
      type: 'resolved'
      lookup: number
      ipv4: readonly string[]
      ipv6: readonly string[]
      failed?: boolean
      unanswered?: Family
      found?: SiteFindings
    }
  /** The client with a tunnel address (canonical) asks something about a normalized name. */
  | { type: 'nameAsked'; ask: number; client: string; name: string }

export interface RetainedGrant {
  peer: PeerId
  resourceId: string
  expiresAt?: Instant | undefined
}

export type GatewayFlowsOutput =
  | { type: 'sendPacket'; peer: PeerId; packet: Uint8Array }
  | { type: 'writeTun'; packet: Uint8Array }
  | { type: 'resolve'; lookup: number; domain: string }
  /** The outcome of a look-up at the site. */
  | { type: 'nameResolved'; resourceId: string; domain: string; found: SiteFindings }
  /** The answer to `nameAsked`: whether the client holds a grant for a resource that the name belongs to. */
  | { type: 'nameJudged'; ask: number; permitted: boolean }
  /** Its last grant is gone and goodbye was sent, or it said goodbye. */
  | { type: 'removePeer'; peer: PeerId }
  /** From now on its packets pass: before that is said, nobody may be told that she has access. */
  | { type: 'granted'; peer: PeerId; resourceId: string }
  /** A revoke took effect: no packet passes from here on. Also for a grant that was not held. */
  | { type: 'withdrawn'; peer: PeerId; resourceId: string }
  | { type: 'expired'; peer: PeerId; resourceId: string }

/** Why a packet or a frame was dropped. */
export type GatewayDrop =
  | PacketRefusal
  | ControlRefusal
  | Exclude<OutboundVerdict, { verdict: 'pass' }>['reason']
  | 'unknown-peer'
  | 'multicast'
  | 'icmp-error'
  | 'source-not-own'
  | 'gateway-service'
  | 'tunnel-address'
  | 'no-flow'
  | 'checksum'
  | 'control-from-tun'
  | 'control-rate'
  | 'control-direction'
  | 'assignment-not-granted'
  | 'assignment-proxies'
  | 'lookup-waiting'
  | 'lookups-exhausted'
  | 'bad-address'
  | 'icmp-rate'
  | 'too-long'
