import type { PeerId } from '../../contract/tunnel-transport.ts'
import { normalizeName } from '../../dns/pattern.ts'
import { isTranslated } from '../../nat/nat-table.ts'
import { DEFAULT_RANGES, isDeviceRange } from '../../net/address-ranges.ts'
import { isProhibition, quotedPacket, quotesSource } from '../../net/icmp-error.ts'
import { isAddressAt, parseAddress, type AddressBytes } from '../../net/ip-address.ts'
import { isTooBig } from '../../net/packet-too-big.ts'
import { isSyn, PacketView } from '../../net/packet-view.ts'
import { firstPermitting } from '../../net/port-filter.ts'
import { isInRange, LINK_LOCAL_ADDRESSES, MULTICAST_ADDRESSES } from '../../net/reserved-range.ts'
import { Counters } from '../../runtime/counters.ts'
import { endpoint } from '../../runtime/endpoint.ts'
import type { Deadline } from '../../runtime/machine.ts'
import { OutputQueue } from '../../runtime/output-queue.ts'
import type { Instant } from '../../runtime/time.ts'
import { decodeControlFrame, isControlFrame } from '../control-frame.ts'
import type { Flows, Offload, TransportChecksum } from '../flows.ts'
import { PacketCopier } from '../packet-copier.ts'
import { PeerNumbers } from '../peer-numbers.ts'
import { AwaitedGrants } from './awaited-grants.ts'
import { BegunFlows } from './begun-flows.ts'
import type { ClientDrop, ClientFlowsInput, ClientFlowsOutput } from './client-flows-messages.ts'
import { ClientRoutes, type Announcement, type ClientName, type ClientResource } from './client-routes.ts'
import { MovedFlows, type OwnAddresses } from './moved-flows.ts'
import { NameAnnouncements, takeFindings } from './name-announcements.ts'
import { Refusals } from './refusals.ts'
import { answerPacket, SentinelTraffic } from './sentinel-traffic.ts'
import { ServingPeers } from './serving-peers.ts'
import type { UnansweredPacket } from './unanswered-packets.ts'
import { turnToApplication, turnToListener } from './tcp-hairpin.ts'

export type { AccessCause, ClientFlowsInput, ClientFlowsOutput } from './client-flows-messages.ts'

/**
 * Packet engine of the client (wire §5): finds the resource of each packet, requests access, keeps packets until
 * then, and routes them.
 */
export class ClientFlows implements Flows<ClientFlowsInput, ClientFlowsOutput> {
  #own: OwnAddresses = { ipv4: undefined, ipv6: undefined }
  readonly numbers = new PeerNumbers()
  readonly #routes = new ClientRoutes()
  readonly #peers = new ServingPeers(this.#routes, this.numbers)
  readonly #sentinels = new SentinelTraffic()
  readonly #begun = new BegunFlows(this.numbers)
  readonly #awaited = new AwaitedGrants({
    request: (resourceId, cause) => this.#outputs.push({ type: 'requestAccess', resourceId, cause }),
    decide: (bytes, now, keptAt) => this.#handleTunPacket(bytes, now, keptAt),
    refuse: (packet, reason) => this.#refusals.refuse(packet, 'host-unreachable', reason),
    count: (reason) => this.#counters.count(reason),
  })
  readonly #announcements = new NameAnnouncements(this.#routes, (peer, frame) => this.#sendTo(peer, frame))
  readonly #outputs = new OutputQueue<ClientFlowsOutput>()
  readonly #counters = new Counters<ClientDrop>()
  readonly #refusals = new Refusals(this.#counters, (packet) => this.#writeTun(packet))
  readonly #moved = new MovedFlows(this.#begun, { routes: this.#routes, refusals: this.#refusals })
  readonly #packet = new PacketView()
  readonly #copier = new PacketCopier()

  handle(input: ClientFlowsInput, now: Instant): void {
    switch (input.type) {
      case 'tunPackets':
        for (const packet of input.packets) this.#handleTunPacket(packet, now, now)
        return
      case 'tunnelPacket':
        return this.#handleTunnelPacket(input.peer, input.packet, now)
      case 'resolverAnswer': {
        const packet = answerPacket(input)
        return packet === undefined ? this.#counters.count('bad-answer') : this.#writeTun(packet)
      }
      case 'nameQueried':
        return this.#announcements.refresh(this.#routes.name(normalizeName(input.domain)), now)
      case 'nameAwaited':
        return this.#awaitName(input, now)
      case 'accessWanted':
        return this.#awaited.request(this.#routes.resource(input.resourceId), input.cause ?? 'packet', now)
      case 'addressAsked': {
        const name = this.#routes.name(normalizeName(input.domain))
        if (name !== undefined) name.askedAt = now
        return this.#awaited.requestEarly(this.#routes.resource(input.resourceId), now)
      }
      case 'accessDenied':
        return this.#awaited.denied(
          this.#routes.resource(input.resourceId),
          input.isTransient === true ? 'no-path' : 'authorization-failed',
          now,
        )
      case 'gatewayFailed':
        return this.#awaited.requestAnother(this.#routes.resource(input.resourceId), input.isWanted === true, now)
      case 'resourceUnreachable':
        return this.#awaited.unreachable(this.#routes.resource(input.resourceId), now)
      case 'interfaceConfigured':
        this.#own = { ipv4: parseAddress(input.ipv4), ipv6: parseAddress(input.ipv6) }
        this.#routes.ranges = input.ranges ?? DEFAULT_RANGES
        return this.#begun.endAll()
      case 'resourcesChanged':
        this.#routes.replaceResources(input.resources)
        return this.#forgetVerdicts()
      case 'nameMapped':
        return this.#mapName(input, now)
      case 'nameForgotten':
        this.#routes.forgetName(normalizeName(input.domain))
        return this.#forgetVerdicts()
      case 'namesWatched':
        this.#routes.watchNames()
        // Packets on the fast path are not reported, so current flows have to leave it once.
        return this.#forgetVerdicts()
      case 'connected':
        return this.#connect(input, now)
      case 'peerLost':
        this.#sendAgain(this.#losePeer(input.peer, now) ?? [], now)
        if (input.isGone !== true) return
        for (const resource of this.#moved.left(input.peer, now)) this.#awaited.request(resource, 'packet', now)
        return
      case 'mtuChanged':
        return this.#peers.setMtu(input.peer, input.mtu)
      case 'sentinelsChanged':
        return this.#sentinels.replace(input.addresses, this.#routes.ranges)
      case 'listenersOpened':
        return this.#sentinels.listenAt(input.ports)
    }
  }

  passFromTun(bytes: Uint8Array, { segmentBytes }: Offload, now: Instant): number | undefined {
    const packet = this.#packet
    if (packet.parse(bytes) !== 'ok' || packet.length !== bytes.length || isSyn(packet)) return undefined
    const peer = this.#begun.passOut(packet, now)
    return peer < 0 || isTooBig(packet, this.#peers.mtu(this.numbers.idOf(peer)), segmentBytes) ? undefined : peer
  }

  passFromTunnel(peer: number, bytes: Uint8Array, _checksum: TransportChecksum, now: Instant): boolean {
    const packet = this.#packet
    if (packet.parse(bytes) !== 'ok' || packet.length !== bytes.length || isSyn(packet)) return false
    return this.#begun.passIn(packet, peer, now)
  }

  wake(now: Instant): void {
    this.#announcements.wake(now)
  }

  poll(): ClientFlowsOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    const at = this.#announcements.nextAt
    return at === undefined ? undefined : { at, reason: 'announce name' }
  }

  /** Returns the number of dropped packets and frames by reason. */
  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  /** Handles a packet from the TUN device. `keptAt` is the time when it first came: earlier than `now` if it was kept. */
  #handleTunPacket(bytes: Uint8Array, now: Instant, keptAt: Instant): void {
    const packet = this.#packet
    const parsed = packet.parse(bytes)
    if (parsed !== 'ok') return this.#refusals.refuseUnread(bytes, parsed)
    const peer = this.#begun.passOut(packet, now)
    if (peer >= 0) return this.#sendOn(packet, this.numbers.idOf(peer))
    this.#decideOutbound(packet, now, keptAt)
  }

  #decideOutbound(packet: PacketView, now: Instant, keptAt: Instant): void {
    const { bytes, destinationAt, addressLength, kind } = packet
    const destination = { offset: destinationAt, addressLength }
    if (isInRange(MULTICAST_ADDRESSES, bytes, destination)) return this.#counters.count('multicast')
    if (isControlFrame(bytes)) return this.#counters.count('control-from-tun')
    if (kind === 'icmpError') return this.#counters.count('icmp-error')
    const own = this.#ownAddress(addressLength)
    if (own === undefined) return this.#counters.count('source-not-own')
    if (!isAddressAt(own, bytes, packet.sourceAt)) {
      // A container or machine behind this one without masquerading: no answer could find its way back.
      if (isInRange(LINK_LOCAL_ADDRESSES, packet.source())) return this.#counters.count('source-not-own')
      return this.#refusals.refuse(packet, 'admin-prohibited', 'source-not-own')
    }
    const { ranges } = this.#routes
    if (isInRange(ranges.sentinels, bytes, destination)) return this.#handleSentinelPacket(packet, own)
    const mapped = isInRange(ranges.mapped, bytes, destination)
    if (!mapped && isDeviceRange(ranges, bytes, destination)) {
      const peer = this.#peers.at(packet.destinationText())
      return peer === undefined ? this.#counters.count('unknown-destination') : this.#sendFlow(packet, peer, now)
    }
    if (mapped) this.#reportUse(packet.destination())
    const permitted = firstPermitting(
      this.#routes.covering(packet.destination()),
      packet.protocol,
      packet.destinationPort,
    )
    // A route led the packet here, but no resource covers it: a name has lost its last resource, or the address is in a
    // private network while there is an Internet resource. Tell the application at once.
    if (permitted.verdict === 'no-entry')
      return this.#refusals.refuse(packet, 'host-unreachable', 'unknown-destination')
    if (permitted.verdict !== 'permitted') return this.#refusals.refuse(packet, 'admin-prohibited', permitted.verdict)
    const resource = permitted.entry
    // The gateway cannot translate packets without ports or an ICMP identifier.
    if (mapped && !isTranslated(packet)) return this.#counters.count('nat-protocol')
    if (resource.peer === undefined) return this.#awaited.wait(packet, resource, { now, keptAt })
    const peer = this.#moved.gatewayOf(packet, { resource, peer: resource.peer }, now)
    if (peer === undefined) return
    if (peer !== resource.peer) return this.#sendFlow(packet, peer, now)
    const name = mapped ? this.#routes.nameAt(packet.destination()) : undefined
    if (name !== undefined && name.announced.get(resource.resource.id)?.status !== 'active') {
      this.#awaited.keep(packet, resource, keptAt)
      return this.#announcements.begin(name, resource.resource.id, now)
    }
    this.#sendFlow(packet, peer, now)
  }

  /** Sends a permitted packet to a gateway, and records its flow, so that answers are accepted (T12). */
  #sendFlow(packet: PacketView, peer: PeerId, now: Instant): void {
    const number = this.numbers.find(peer)
    if (number === undefined || !this.#begun.begin(packet, number, now)) {
      return this.#refusals.refuse(packet, 'host-unreachable', 'flow-table-full')
    }
    this.#sendOn(packet, peer)
  }

  /** Sends a packet to a gateway; if it exceeds the path MTU, answers it with an ICMP error instead (T7, T10). */
  #sendOn(packet: PacketView, peer: PeerId): void {
    const mtu = this.#peers.mtu(peer)
    if (isTooBig(packet, mtu)) return this.#refusals.refuseTooLong(packet, mtu)
    this.#sendTo(peer, this.#copier.copyFitting(packet, mtu))
  }

  #handleSentinelPacket(packet: PacketView, own: AddressBytes): void {
    const verdict = this.#sentinels.judge(packet)
    switch (verdict) {
      case 'unknown-destination':
        return this.#counters.count(verdict)
      case 'sentinel-port':
        return this.#refusals.refuse(packet, 'port-unreachable', verdict)
      case 'query':
        this.#outputs.push({
          type: 'resolverQuery',
          source: endpoint(packet.sourceText(), packet.sourcePort),
          destination: endpoint(packet.destinationText(), packet.destinationPort),
          message: new Uint8Array(packet.payload()),
        })
        return
      case 'to-application':
      case 'to-listener':
        packet.parse(this.#copier.copy(packet))
        if (verdict === 'to-listener') turnToListener(packet, { own, port: this.#sentinels.portFor(packet) ?? 0 })
        else turnToApplication(packet, own)
        this.#writeTun(packet.bytes)
    }
  }

  #handleTunnelPacket(peer: PeerId, bytes: Uint8Array, now: Instant): void {
    if (isControlFrame(bytes)) return this.#handleControl(peer, bytes, now)
    const packet = this.#packet
    const parsed = packet.parse(bytes)
    if (parsed !== 'ok') return this.#counters.count(parsed)
    const number = this.numbers.find(peer) ?? -1
    if (!isSyn(packet) && this.#begun.passIn(packet, number, now)) return this.#writeIn(packet, peer)
    const own = this.#ownAddress(packet.addressLength)
    if (own === undefined || !isAddressAt(own, bytes, packet.destinationAt)) {
      return this.#counters.count('destination-not-own')
    }
    if (packet.kind === 'icmpError') {
      const quoted = quotedPacket(packet)
      if (quoted === undefined || !quotesSource(packet, quoted, own)) return this.#counters.count('icmp-error')
      const about = bytes.subarray(quoted.destinationAt, quoted.destinationAt + quoted.addressLength)
      if (!this.#peers.isServedBy(peer, about)) return this.#counters.count('icmp-error')
      if (!this.#begun.isQuoted(bytes, quoted, number, now)) return this.#counters.count('no-flow')
      if (isProhibition(packet) && this.#peers.refused(peer, about, now)) this.#forgetVerdicts()
    } else {
      if (!this.#peers.isServedBy(peer, packet.source())) return this.#counters.count('source-not-routed')
      // A gateway cannot begin a flow to this machine, whatever it serves (T12).
      if (!this.#begun.isAnswer(packet, number, now)) return this.#counters.count('no-flow')
      this.#reportUse(packet.source())
    }
    this.#writeIn(packet, peer)
  }

  #writeIn(packet: PacketView, peer: PeerId): void {
    this.#writeTun(this.#copier.copyFitting(packet, this.#peers.mtu(peer)))
  }

  #handleControl(peer: PeerId, bytes: Uint8Array, now: Instant): void {
    const frame = decodeControlFrame(bytes)
    if (typeof frame === 'string') return this.#counters.count(frame)
    if (frame.type === 'assignedIps') return this.#counters.count('control-direction')
    if (frame.type === 'goodbye') {
      const unanswered = this.#losePeer(peer, now)
      if (unanswered === undefined) return this.#counters.count('unknown-peer')
      this.#outputs.push({ type: 'removePeer', peer })
      return this.#sendAgain(unanswered, now)
    }
    const resource = this.#routes.resource(frame.resource)
    const name = this.#routes.name(normalizeName(frame.domain))
    const announcement = name?.announced.get(frame.resource)
    if (name === undefined || announcement === undefined || resource?.peer !== peer) {
      return this.#counters.count('unknown-peer')
    }
    // A released gateway does not say why it has no addresses.
    const isAnswer = frame.status === 'Active' || frame.found !== undefined
    const isAwaited = isAnswer && name.awaitedOf.delete(frame.resource)
    if (takeFindings(announcement, frame.found) || isAwaited) {
      this.#outputs.push({ type: 'nameResolved', resourceId: frame.resource, domain: name.domain, found: frame.found })
    }
    if (frame.status === 'Active') this.#activate(resource, announcement, now)
    else this.#deactivate(resource, name, announcement, now)
  }

  #activate(resource: ClientResource, announcement: Announcement, now: Instant): void {
    if (announcement.status === 'active') return
    announcement.status = 'active'
    this.#awaited.release(resource, now)
  }

  #deactivate(resource: ClientResource, name: ClientName, announcement: Announcement, now: Instant): void {
    announcement.status = 'unknown'
    this.#forgetVerdicts()
    for (const { bytes, keptAt } of resource.kept.take(now)) {
      this.#packet.parse(bytes)
      if (this.#routes.nameAt(this.#packet.destination()) === name) {
        this.#refusals.refuse(this.#packet, 'host-unreachable', 'name-inactive')
      } else {
        this.#handleTunPacket(bytes, now, keptAt)
      }
    }
  }

  #connect(
    { resourceId, peer, peerIpv4, peerIpv6 }: Extract<ClientFlowsInput, { type: 'connected' }>,
    now: Instant,
  ): void {
    const resource = this.#routes.resource(resourceId)
    if (resource === undefined) return this.#counters.count('unknown-destination')
    this.#peers.connected(resource, peer, [peerIpv4, peerIpv6])
    this.#forgetVerdicts()
    this.#announcements.connected(resourceId, now)
    this.#awaited.release(resource, now)
    this.#moved.ask({ resource, peer }, this.#own, now)
  }

  #awaitName({ domain, resourceId }: Extract<ClientFlowsInput, { type: 'nameAwaited' }>, now: Instant): void {
    const name = this.#routes.name(normalizeName(domain))
    const resource = this.#routes.resource(resourceId)
    if (name === undefined || resource === undefined) return
    const announcement = name.announced.get(resourceId)
    if (announcement?.status === 'active') {
      this.#outputs.push({ type: 'nameResolved', resourceId, domain: name.domain, found: announcement.found })
      return
    }
    name.awaitedOf.add(resourceId)
    if (resource.peer === undefined) this.#awaited.request(resource, 'question', now)
    else this.#announcements.begin(name, resourceId, now)
  }

  /**
   * Forgets a gateway with its grants, and returns the packets that it has not answered; undefined if it was not known. Its flows
   * go on if it is granted again: it may only have been away, and the site may be the next to send.
   */
  #losePeer(peer: PeerId, now: Instant): UnansweredPacket[] | undefined {
    const unanswered = this.#begun.takeUnanswered(peer, now)
    const isKnown = this.#peers.lost(peer)
    this.#forgetVerdicts()
    return isKnown ? unanswered : undefined
  }

  /** Decides again on packets that were sent to a gateway that is gone, for the next one. */
  #sendAgain(packets: readonly UnansweredPacket[], now: Instant): void {
    for (const { bytes, sentAt } of packets) this.#handleTunPacket(bytes, now, sentAt)
  }

  #mapName(input: Extract<ClientFlowsInput, { type: 'nameMapped' }>, now: Instant): void {
    const domain = normalizeName(input.domain)
    const known = this.#routes.name(domain)
    const resourceIds = known?.resourceIds
    const name = this.#routes.mapName({ ...input, domain })
    // A mapping that is told again changes nothing.
    if (name !== known || name.resourceIds !== resourceIds) this.#forgetVerdicts()
    this.#announcements.refresh(name, now)
  }

  #reportUse(address: AddressBytes): void {
    const domain = this.#routes.takeWatched(address)
    if (domain !== undefined) this.#outputs.push({ type: 'nameUsed', domain })
  }

  #ownAddress(addressLength: 4 | 16): AddressBytes | undefined {
    return addressLength === 4 ? this.#own.ipv4 : this.#own.ipv6
  }

  #forgetVerdicts(): void {
    this.#begun.forgetVerdicts()
  }

  #sendTo(peer: PeerId, packet: Uint8Array): void {
    this.#outputs.push({ type: 'sendPacket', peer, packet })
  }

  #writeTun(packet: Uint8Array): void {
    this.#outputs.push({ type: 'writeTun', packet })
  }
}
