import type { PeerId } from '../../contract/tunnel-transport.ts'
import { normalizeName } from '../../dns/pattern.ts'
import { isTrouble, type SiteFindings } from '../../dns/site-finding.ts'
import { SITE_SERVICE_PORT } from '../../dns/site-service.ts'
import { DEFAULT_RANGES, isDeviceRange } from '../../net/address-ranges.ts'
import { isAddressAt, parseAddress, type AddressBytes } from '../../net/ip-address.ts'
import { isTooBig } from '../../net/packet-too-big.ts'
import { isSyn, PacketView } from '../../net/packet-view.ts'
import { isInRange, MULTICAST_ADDRESSES } from '../../net/reserved-range.ts'
import { Counters } from '../../runtime/counters.ts'
import type { Deadline } from '../../runtime/machine.ts'
import { OutputQueue } from '../../runtime/output-queue.ts'
import type { Instant } from '../../runtime/time.ts'
import { decodeControlFrame, encodeControlFrame, isControlFrame } from '../control-frame.ts'
import { FlowVerdicts } from '../flow-verdicts.ts'
import type { Flows, Offload, TransportChecksum } from '../flows.ts'
import { PacketCopier } from '../packet-copier.ts'
import { PeerNumbers } from '../peer-numbers.ts'
import type { GatewayDrop, GatewayFlowsInput, GatewayFlowsOutput, RetainedGrant } from './gateway-flows-messages.ts'
import type { FlowEntry, GatewayPeer } from './gateway-peer.ts'
import { GatewayPeers } from './gateway-peers.ts'
import { NameLookups } from './name-lookups.ts'
import { Refusals } from './refusals.ts'
import { translateError } from './translated-error.ts'

export type { GatewayFlowsInput, GatewayFlowsOutput, RetainedGrant } from './gateway-flows-messages.ts'

/**
 * Packet engine of the gateway (wire §5): decides on each packet by grants and filters, and translates addresses. Only
 * packets that a live grant covers pass. Expired grants are removed before each input, so that not one packet passes
 * after the expiry.
 */
export class GatewayFlows implements Flows<GatewayFlowsInput, GatewayFlowsOutput> {
  #ipv4: AddressBytes | undefined
  #ipv6: AddressBytes | undefined
  readonly numbers = new PeerNumbers()
  readonly #verdicts = new FlowVerdicts<FlowEntry>()
  readonly #peers = new GatewayPeers(this.numbers, this.#verdicts.states)
  readonly #lookups = new NameLookups()
  readonly #outputs = new OutputQueue<GatewayFlowsOutput>()
  readonly #counters = new Counters<GatewayDrop>()
  readonly #packet = new PacketView()
  readonly #copier = new PacketCopier()
  readonly #refusals = new Refusals(this.#counters, {
    toClient: (peer, packet) => this.#sendTo(peer, packet),
    toSite: (packet) => this.#writeTun(packet),
  })

  handle(input: GatewayFlowsInput, now: Instant): void {
    this.#carryOutDue(now)
    switch (input.type) {
      case 'tunPackets':
        for (const packet of input.packets) this.#handleTunPacket(packet, now)
        return
      case 'tunnelPacket':
        return this.#handleTunnelPacket(input.peer, input.packet, now)
      case 'resolved':
        return this.#handleResolved(input)
      case 'nameAsked': {
        const { ask, client, name } = input
        const permitted = this.#peers.at(client)?.holdsName(name) ?? false
        this.#outputs.push({ type: 'nameJudged', ask, permitted })
        return
      }
      case 'interfaceConfigured':
        this.#ipv4 = parseAddress(input.ipv4)
        this.#ipv6 = parseAddress(input.ipv6)
        this.#peers.ranges.use(input.ranges ?? DEFAULT_RANGES)
        this.#verdicts.forgetVerdicts()
        break
      case 'ownAddressesChanged':
        this.#peers.setMachineAddresses(input.addresses)
        break
      case 'peerAdded':
        if (!this.#peers.add(input)) this.#counters.count('bad-address')
        break
      case 'peerRemoved':
        this.#removePeer(input.peer)
        break
      case 'mtuChanged':
        this.#peers.setMtu(input.peer, input.mtu)
        break
      case 'granted':
        this.#grant(input)
        break
      case 'withdrawn':
        this.#withdraw(input.peer, input.resourceId)
        this.#outputs.push({ type: 'withdrawn', peer: input.peer, resourceId: input.resourceId })
        break
      case 'resourceUpdated':
        this.#peers.refilter(input.resource)
        break
      case 'retainOnly':
        this.#retainOnly(input.grants)
        break
    }
    // A new grant may have expired already.
    this.#carryOutDue(now)
  }

  passFromTun(bytes: Uint8Array, { checksum, segmentBytes }: Offload, now: Instant): number | undefined {
    this.#carryOutDue(now)
    const packet = this.#packet
    if (packet.parse(bytes) !== 'ok' || packet.length !== bytes.length || isSyn(packet)) return undefined
    const row = this.#verdicts.find(packet, 'outside', now)
    if (row < 0) return undefined
    const peer = this.#verdicts.states.ownerOf(row)
    if (isTooBig(packet, this.#peers.mtuOf(peer), segmentBytes)) return undefined
    packet.hasPseudoChecksum = checksum === 'pseudo'
    this.#translateIn(packet, row, now)
    return peer
  }

  passFromTunnel(peer: number, bytes: Uint8Array, checksum: TransportChecksum, now: Instant): boolean {
    this.#carryOutDue(now)
    const packet = this.#packet
    if (packet.parse(bytes) !== 'ok' || packet.length !== bytes.length || isSyn(packet)) return false
    const row = this.#verdicts.find(packet, 'inside', now)
    if (row < 0 || this.#verdicts.states.ownerOf(row) !== peer) return false
    packet.hasPseudoChecksum = checksum === 'pseudo'
    this.#translateOut(packet, row, now)
    return true
  }

  wake(now: Instant): void {
    this.#carryOutDue(now)
  }

  poll(): GatewayFlowsOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#peers.deadline()
  }

  /** Returns all current grants. */
  grants(): { peer: PeerId; resourceId: string }[] {
    return [...this.#peers.all()].flatMap((peer) =>
      [...peer.grants()].map(({ resource }) => ({ peer: peer.id, resourceId: resource.id })),
    )
  }

  /** Returns the number of dropped packets and frames by reason. */
  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  #handleTunnelPacket(peerId: PeerId, bytes: Uint8Array, now: Instant): void {
    const packet = this.#packet
    const parsed = packet.parse(bytes)
    if (parsed === 'ok') {
      const row = this.#verdicts.find(packet, 'inside', now)
      if (row >= 0 && this.numbers.idOf(this.#verdicts.states.ownerOf(row)) === peerId)
        return this.#passOut(packet, row, now)
    }
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return this.#counters.count('unknown-peer')
    if (isControlFrame(bytes)) return this.#handleControl(peer, bytes, now)
    if (parsed !== 'ok') return this.#counters.count(parsed)
    this.#decideOutbound(peer, packet, now)
  }

  // Checks in the order of wire §5.
  #decideOutbound(peer: GatewayPeer, packet: PacketView, now: Instant): void {
    const { bytes, destinationAt, addressLength, kind } = packet
    const destination = { offset: destinationAt, addressLength }
    if (isInRange(MULTICAST_ADDRESSES, bytes, destination)) return this.#counters.count('multicast')
    if (kind === 'icmpError') return this.#counters.count('icmp-error')
    if (!peer.owns(bytes, packet.sourceAt, addressLength)) {
      return this.#refusals.refuse(peer, packet, { answer: 'admin-prohibited', reason: 'source-not-own', now })
    }
    if (this.#isOwnAddress(bytes, destinationAt, addressLength)) {
      // Other ports of the gateway are services without a resource or a policy.
      return isGatewayService(packet, packet.destinationPort)
        ? this.#writeTun(this.#copier.copyFitting(packet, this.#peers.mtuOf(peer.number)))
        : this.#refusals.refuse(peer, packet, { answer: 'admin-prohibited', reason: 'gateway-service', now })
    }
    if (isDeviceRange(this.#peers.ranges, bytes, destination)) {
      return this.#refusals.refuse(peer, packet, { answer: 'admin-prohibited', reason: 'tunnel-address', now })
    }
    const decision = peer.outbound(packet, now)
    switch (decision.verdict) {
      case 'pass':
        if (decision.flow === 'portless') return this.#writeTun(this.#copier.copy(packet))
        this.#peers.openedFlow(peer, now)
        return this.#passOut(packet, this.#verdicts.keep(packet, 'inside', decision.flow), now)
      case 'prohibited':
        return this.#refusals.refuse(peer, packet, { answer: 'admin-prohibited', reason: decision.reason, now })
      case 'unreachable':
        return this.#refusals.refuse(peer, packet, { answer: 'host-unreachable', reason: decision.reason, now })
      case 'drop':
        return this.#counters.count(decision.reason)
    }
  }

  #passOut(packet: PacketView, row: number, now: Instant): void {
    // Only a SYN needs the MTU; looking it up would cost another cache miss.
    packet.bytes = isSyn(packet)
      ? this.#copier.copyFitting(packet, this.#peers.mtuOf(this.#verdicts.states.ownerOf(row)))
      : this.#copier.copy(packet)
    this.#translateOut(packet, row, now)
    this.#writeTun(packet.bytes)
  }

  #translateOut(packet: PacketView, row: number, now: Instant): void {
    const entry = this.#verdicts.states.recordPacket(row, { from: 'inside', tcpFlags: packet.tcpFlags, now })
    if (entry === undefined) return
    if (!isAddressAt(entry.outsideAddress, packet.bytes, packet.destinationAt)) {
      packet.setDestination(entry.outsideAddress)
    }
    if (entry.outsidePort !== packet.sourcePort) packet.setSourcePort(entry.outsidePort)
  }

  #handleTunPacket(bytes: Uint8Array, now: Instant): void {
    const packet = this.#packet
    const parsed = packet.parse(bytes)
    if (parsed !== 'ok') return this.#refusals.refuseUnread(bytes, parsed)
    const known = this.#verdicts.find(packet, 'outside', now)
    if (known >= 0) return this.#passIn(packet, known, now)
    if (isControlFrame(bytes)) return this.#counters.count('control-from-tun')
    const peer = this.#peers.at(packet.destinationText())
    if (peer === undefined) return this.#counters.count('unknown-peer')
    if (packet.kind === 'icmpError') return this.#passError(peer, packet, now)
    if (this.#isOwnAddress(bytes, packet.sourceAt, packet.addressLength)) {
      if (!isGatewayService(packet, packet.sourcePort)) return this.#counters.count('gateway-service')
      return this.#sendOn(packet, peer, now)
    }
    const flow = peer.inbound(packet, now)
    if (flow === undefined) return this.#counters.count('no-flow')
    if (flow === 'portless') return this.#sendOn(packet, peer, now)
    this.#passIn(packet, this.#verdicts.keep(packet, 'outside', flow), now)
  }

  /** Sends a packet to a client without translation; refuses it if it exceeds the path MTU. */
  #sendOn(packet: PacketView, peer: GatewayPeer, now: Instant): void {
    const mtu = this.#peers.mtuOf(peer.number)
    if (isTooBig(packet, mtu)) return this.#refusals.refuseTooBig(packet, { mtu, peer, now })
    this.#sendTo(peer.id, this.#copier.copyFitting(packet, mtu))
  }

  #passIn(packet: PacketView, row: number, now: Instant): void {
    const number = this.#verdicts.states.ownerOf(row)
    const id = this.numbers.idOf(number)
    const mtu = this.#peers.mtuOf(number)
    if (isTooBig(packet, mtu)) return this.#refusals.refuseTooBig(packet, { mtu, peer: this.#peers.get(id), now })
    packet.bytes = this.#copier.copyFitting(packet, mtu)
    this.#translateIn(packet, row, now)
    this.#sendTo(id, packet.bytes)
  }

  #translateIn(packet: PacketView, row: number, now: Instant): void {
    const entry = this.#verdicts.states.recordPacket(row, { from: 'outside', tcpFlags: packet.tcpFlags, now })
    if (entry === undefined) return
    if (!isAddressAt(entry.insideAddress, packet.bytes, packet.sourceAt)) packet.setSource(entry.insideAddress)
    if (entry.insidePort !== packet.destinationPort) packet.setDestinationPort(entry.insidePort)
  }

  #passError(peer: GatewayPeer, packet: PacketView, now: Instant): void {
    packet.parse(this.#copier.copy(packet))
    const outcome = translateError(packet, peer, now)
    if (outcome === 'translated') this.#sendTo(peer.id, packet.bytes)
    else this.#counters.count(outcome)
  }

  #handleControl(peer: GatewayPeer, bytes: Uint8Array, now: Instant): void {
    if (!peer.frameLimit.take(now)) return this.#counters.count('control-rate')
    const frame = decodeControlFrame(bytes)
    if (typeof frame === 'string') return this.#counters.count(frame)
    if (frame.type === 'domainStatus') return this.#counters.count('control-direction')
    if (frame.type === 'goodbye') {
      this.#removePeer(peer.id)
      this.#outputs.push({ type: 'removePeer', peer: peer.id })
      return
    }
    const problem = peer.assignmentProblem(frame.resource, frame.domain, frame.mappedIps)
    if (problem !== undefined) {
      this.#counters.count(problem)
      return this.#tellStatus(peer, frame, 'Inactive')
    }
    const { resource: resourceId, domain, mappedIps } = frame
    const lookup = this.#lookups.ask({ peer: peer.id, resourceId, domain, mappedIps }, now)
    if (typeof lookup === 'string') return this.#counters.count(lookup)
    this.#outputs.push({ type: 'resolve', lookup, domain: normalizeName(domain) })
  }

  #handleResolved(input: Extract<GatewayFlowsInput, { type: 'resolved' }>): void {
    const { lookup, ipv4, ipv6, failed, unanswered, found } = input
    const asked = this.#lookups.take(lookup)
    const peer = this.#peers.get(asked?.peer ?? '')
    if (asked === undefined || peer === undefined) return
    const told = found !== undefined && isTrouble(found) ? { found } : {}
    const frame = { resource: asked.resourceId, domain: asked.domain, ...told }
    const domain = normalizeName(asked.domain)
    if (found !== undefined) {
      this.#outputs.push({ type: 'nameResolved', resourceId: asked.resourceId, domain, found })
    }
    // The grant may have ended during the lookup.
    if (peer.assignmentProblem(asked.resourceId, domain, asked.mappedIps) !== undefined) {
      return this.#tellStatus(peer, frame, 'Inactive')
    }
    if (failed === true) {
      return this.#tellStatus(peer, frame, peer.isAssigned(asked.resourceId, domain) ? 'Active' : 'Inactive')
    }
    const { resourceId, mappedIps } = asked
    peer.assign({ resourceId, domain, mappedIps, realIps: [...ipv4, ...ipv6], unanswered })
    this.#tellStatus(peer, frame, 'Active')
  }

  #tellStatus(
    peer: GatewayPeer,
    { resource, domain, found }: { resource: string; domain: string; found?: SiteFindings },
    status: 'Active' | 'Inactive',
  ): void {
    this.#sendTo(peer.id, encodeControlFrame({ type: 'domainStatus', resource, domain, status, found }))
  }

  #removePeer(id: PeerId): void {
    if (this.#peers.remove(id)) this.#lookups.forget(id)
  }

  #grant({ peer: id, resource, expiresAt }: Extract<GatewayFlowsInput, { type: 'granted' }>): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return this.#counters.count('unknown-peer')
    this.#peers.grant(peer, resource, expiresAt)
    this.#outputs.push({ type: 'granted', peer: id, resourceId: resource.id })
  }

  /** Ends a grant, and the tunnel with the last one. */
  #withdraw(id: PeerId, resourceId: string): void {
    const peer = this.#peers.get(id)
    if (peer === undefined || !this.#peers.withdraw(peer, resourceId)) return
    if (peer.grantCount > 0) return
    this.#sendTo(peer.id, encodeControlFrame({ type: 'goodbye' }))
    this.#removePeer(id)
    this.#outputs.push({ type: 'removePeer', peer: id })
  }

  #retainOnly(grants: readonly RetainedGrant[]): void {
    const retained = new Map(grants.map((grant) => [grantKey(grant.peer, grant.resourceId), grant]))
    for (const peer of this.#peers.all()) {
      for (const grant of peer.grants()) {
        const kept = retained.get(grantKey(peer.id, grant.resource.id))
        if (kept === undefined) this.#withdraw(peer.id, grant.resource.id)
        else this.#peers.setExpiry(grant, kept.expiresAt)
      }
    }
  }

  #carryOutDue(now: Instant): void {
    const due = this.#peers.deadline()
    if (due === undefined || due.at > now) return
    for (let grant = this.#peers.takeExpired(now); grant !== undefined; grant = this.#peers.takeExpired(now)) {
      const { peer, resource } = grant
      this.#withdraw(peer, resource.id)
      this.#outputs.push({ type: 'expired', peer, resourceId: resource.id })
    }
    this.#peers.sweep(now)
  }

  #isOwnAddress(bytes: Uint8Array, offset: number, addressLength: 4 | 16): boolean {
    const own = addressLength === 4 ? this.#ipv4 : this.#ipv6
    return own !== undefined && isAddressAt(own, bytes, offset)
  }

  #sendTo(peer: PeerId, packet: Uint8Array): void {
    this.#outputs.push({ type: 'sendPacket', peer, packet })
  }

  #writeTun(packet: Uint8Array): void {
    this.#outputs.push({ type: 'writeTun', packet })
  }
}

/** Whether a packet is for a service of the gateway itself: ping, or the DNS service for its clients. */
const isGatewayService = ({ kind }: PacketView, servicePort: number): boolean =>
  kind === 'echoRequest' ||
  kind === 'echoReply' ||
  ((kind === 'tcp' || kind === 'udp') && servicePort === SITE_SERVICE_PORT)

const grantKey = (peer: PeerId, resourceId: string): string => `${peer} ${resourceId}`
