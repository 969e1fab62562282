// Inputs and outputs of a gateway's packet engine.
import type { PeerId } from '../../contract/tunnel-transport.ts'
import type { SiteFindings } from '../../dns/site-finding.ts'
import type { AddressRanges } from '../../net/address-ranges.ts'
import type { PacketRefusal } from '../../net/packet-view.ts'
import type { Family } from '../../runtime/endpoint.ts'
import type { Instant } from '../../runtime/time.ts'
import type { ControlRefusal } from '../control-frame.ts'
import type { FlowResource } from '../flow-resource.ts'
import type { MtuChanged } from '../flows.ts'
import type { OutboundVerdict } from './gateway-peer.ts'

/** Inputs of `GatewayFlows`: packets, and changes of what it decides by. */
export type GatewayFlowsInput =
  /** Whole IP packets from the TUN device, borrowed until `handle` returns. */
  | { type: 'tunPackets'; packets: readonly Uint8Array[] }
  /** A decrypted packet from a client, borrowed until `handle` returns. */
  | { type: 'tunnelPacket'; peer: PeerId; packet: Uint8Array }
  /** Own tunnel addresses, and the ranges of the account's tunnels, the usual ones by default. */
  | { type: 'interfaceConfigured'; ipv4: string; ipv6: string; ranges?: AddressRanges | undefined }
  /**
   * Addresses (canonical) of the gateway's machine on its other devices. The Internet resource does not include them.
   */
  | { type: 'ownAddressesChanged'; addresses: readonly string[] }
  /** Adds a client. A known one keeps its grants and flows if its addresses are the same. */
  | { type: 'peerAdded'; peer: PeerId; ipv4: string; ipv6: string }
  | { type: 'peerRemoved'; peer: PeerId }
  | MtuChanged
  /**
   * Grants a resource to a client that was added, or changes the expiry of its grant. Without `expiresAt` the grant
   * does not expire.
   */
  | { type: 'granted'; peer: PeerId; resource: FlowResource; expiresAt?: Instant | undefined }
  | { type: 'withdrawn'; peer: PeerId; resourceId: string }
  /** A resource has changed. Takes effect for its filters only. */
  | { type: 'resourceUpdated'; resource: FlowResource }
  /** Resynchronizes grants: removes those that are not listed, and sets the expiry of the others. Creates none. */
  | { type: 'retainOnly'; grants: readonly RetainedGrant[] }
  /**
   * Answer to a `resolve`. If it `failed`, or a family was `unanswered`, addresses from earlier answers are kept, of
   * both families or of that one.
   */
  | {
      type: 'resolved'
      lookup: number
      ipv4: readonly string[]
      ipv6: readonly string[]
      failed?: boolean
      unanswered?: Family
      found?: SiteFindings
    }
  /**
   * Asks whether the client with a tunnel address (canonical) may query a normalized name; answered by `nameJudged`.
   */
  | { type: 'nameAsked'; ask: number; client: string; name: string }

/** A grant to be kept by `retainOnly`. */
export interface RetainedGrant {
  peer: PeerId
  resourceId: string
  expiresAt?: Instant | undefined
}

/** Outputs of `GatewayFlows`: packets to send or write, requests to carry out, and changes of grants. */
export type GatewayFlowsOutput =
  | { type: 'sendPacket'; peer: PeerId; packet: Uint8Array }
  | { type: 'writeTun'; packet: Uint8Array }
  | { type: 'resolve'; lookup: number; domain: string }
  /** Findings of the site for a name. */
  | { type: 'nameResolved'; resourceId: string; domain: string; found: SiteFindings }
  /** Answer to `nameAsked`: whether the client has a grant for a resource with this name. */
  | { type: 'nameJudged'; ask: number; permitted: boolean }
  /** Close the tunnel to a client whose last grant has ended, or that has said goodbye. */
  | { type: 'removePeer'; peer: PeerId }
  /** The client's packets to this resource pass from now on. Access must not be confirmed to anybody before. */
  | { type: 'granted'; peer: PeerId; resourceId: string }
  /** A grant was taken back: no more packets pass. Also if there was no such grant. */
  | { type: 'withdrawn'; peer: PeerId; resourceId: string }
  | { type: 'expired'; peer: PeerId; resourceId: string }

/** Reason why a packet or a control frame was dropped. */
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
