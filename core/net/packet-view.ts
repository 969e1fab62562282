import { checksumOf, pseudoHeaderSum, sumWords, updatedChecksum } from './checksum.ts'
import { formatAddress, type AddressBytes } from './ip-address.ts'

export const ICMP = 1
export const TCP = 6
export const UDP = 17
export const ICMPV6 = 58
/** Protocol number of control frames between client and gateway (wire §5), reserved for experiments by RFC 3692. */
export const CONTROL = 0xff

export const FIN = 0x01
export const SYN = 0x02
export const RST = 0x04
export const ACK = 0x10

/** Reason why a packet is not forwarded. */
export type PacketRefusal =
  | 'packet-empty'
  | 'packet-version'
  | 'packet-truncated'
  /** IPv4 options: a source route would bypass the verdict, and no other option is in use. */
  | 'packet-options'
  | 'packet-extension-header'
  /** Fragment: it may carry no ports, so there can be no verdict on it. */
  | 'packet-fragment'
  | 'packet-transport'

/** Kind of a packet by its transport protocol. */
export type PacketKind = 'tcp' | 'udp' | 'echoRequest' | 'echoReply' | 'icmpError' | 'icmp' | 'other'

/**
 * Parsed IP packet over borrowed bytes, valid only after `parse` returned `ok`. One view is reused for many packets, so
 * that the hot path allocates nothing. Lengths in the packet are checked against its bytes. The setters change the
 * bytes in place and update all checksums.
 */
export class PacketView {
  bytes: Uint8Array = NO_BYTES
  /** Bytes of the packet; `bytes` may have padding behind it. */
  length = 0
  addressLength: 4 | 16 = 4
  sourceAt = 0
  destinationAt = 0
  /** Offset of the transport header. */
  transportAt = 0
  protocol = 0
  kind: PacketKind = 'other'
  /** Source port. For ICMP echo, both ports are the identifier; 0 for protocols without ports. */
  sourcePort = 0
  destinationPort = 0
  /** Flags of TCP; 0 for other protocols. */
  tcpFlags = 0
  /**
   * Whether the transport checksum's field holds just the folded sum of the pseudo-header (checksum offload). The
   * caller sets it after `parse`.
   */
  hasPseudoChecksum = false

  parse(bytes: Uint8Array): 'ok' | PacketRefusal {
    this.bytes = bytes
    this.hasPseudoChecksum = false
    if (bytes.length === 0) return 'packet-empty'
    const version = byte(bytes, 0) >> 4
    const refusal = version === 4 ? this.#parseIpv4(bytes) : version === 6 ? this.#parseIpv6(bytes) : 'packet-version'
    return refusal ?? this.#parseTransport(bytes) ?? 'ok'
  }

  /** Returns the source address, 4 or 16 bytes borrowed from the packet. */
  source(): AddressBytes {
    return this.bytes.subarray(this.sourceAt, this.sourceAt + this.addressLength)
  }

  destination(): AddressBytes {
    return this.bytes.subarray(this.destinationAt, this.destinationAt + this.addressLength)
  }

  sourceText(): string {
    return formatAddress(this.bytes, this.sourceAt, this.addressLength)
  }

  destinationText(): string {
    return formatAddress(this.bytes, this.destinationAt, this.addressLength)
  }

  /** Returns the payload of UDP or ICMP, borrowed from the packet. */
  payload(): Uint8Array {
    return this.bytes.subarray(this.transportAt + 8, this.#transportEnd())
  }

  setSource(address: AddressBytes): void {
    this.#setAddress(this.sourceAt, address)
  }

  setDestination(address: AddressBytes): void {
    this.#setAddress(this.destinationAt, address)
  }

  /** Sets the source port of TCP or UDP, or the identifier of an ICMP echo. */
  setSourcePort(port: number): void {
    if (this.kind === 'tcp' || this.kind === 'udp') this.#setPort(this.transportAt, port)
    else if (this.kind === 'echoRequest' || this.kind === 'echoReply') this.#setPort(this.transportAt + 4, port)
    this.sourcePort = port
  }

  /** Sets the destination port of TCP or UDP, or the identifier of an ICMP echo. */
  setDestinationPort(port: number): void {
    if (this.kind === 'tcp' || this.kind === 'udp') this.#setPort(this.transportAt + 2, port)
    else if (this.kind === 'echoRequest' || this.kind === 'echoReply') this.#setPort(this.transportAt + 4, port)
    this.destinationPort = port
  }

  /**
   * Computes the transport checksum from all bytes. Only for packets built or segmented here: for others it would hide
   * transmission errors.
   */
  completeChecksum(): void {
    const at = checksumAt(this.protocol, this.transportAt)
    if (at < 0) return
    putWord(this.bytes, at, 0)
    const checksum = checksumOf(this.#transportSum())
    putWord(this.bytes, at, this.protocol === UDP && checksum === 0 ? 0xffff : checksum)
  }

  /** Whether all checksums are correct, or UDP over IPv4 has none (0: RFC 768). */
  checksumsHold(): boolean {
    if (this.addressLength === 4 && checksumOf(sumWords(this.bytes, 0, this.transportAt)) !== 0) return false
    const at = checksumAt(this.protocol, this.transportAt)
    if (at < 0) return true
    if (this.protocol === UDP && this.addressLength === 4 && word(this.bytes, at) === 0) return true
    return checksumOf(this.#transportSum()) === 0
  }

  #transportSum(): number {
    const initial =
      this.protocol === ICMP
        ? 0
        : pseudoHeaderSum({
            bytes: this.bytes,
            addressesAt: this.sourceAt,
            addressLength: this.addressLength,
            protocol: this.protocol,
            length: this.#transportEnd() - this.transportAt,
          })
    return sumWords(this.bytes, this.transportAt, this.#transportEnd(), initial)
  }

  /** Offset of the end of the transport data; an IP packet may be longer than the UDP datagram in it (RFC 9868). */
  #transportEnd(): number {
    return this.kind === 'udp' ? this.transportAt + word(this.bytes, this.transportAt + 4) : this.length
  }

  #setAddress(at: number, address: AddressBytes): void {
    if (address.length !== this.addressLength) throw new TypeError('an address of the other family')
    const before = sumWords(this.bytes, at, at + address.length)
    const after = sumWords(address, 0, address.length)
    this.bytes.set(address, at)
    if (this.addressLength === 4) putWord(this.bytes, 10, updatedChecksum(word(this.bytes, 10), before, after))
    if (this.hasPseudoChecksum) updatePseudoChecksum(this.bytes, this, before, after)
    else if (this.protocol !== ICMP) updateTransportChecksum(this.bytes, this, before, after)
  }

  #setPort(at: number, port: number): void {
    const before = word(this.bytes, at)
    putWord(this.bytes, at, port)
    if (!this.hasPseudoChecksum) updateTransportChecksum(this.bytes, this, before, port)
  }

  #parseIpv4(bytes: Uint8Array): PacketRefusal | undefined {
    if (bytes.length < 20) return 'packet-truncated'
    if (bytes[0] !== 0x45) return (byte(bytes, 0) & 0x0f) < 5 ? 'packet-truncated' : 'packet-options'
    const length = word(bytes, 2)
    if (length < 20 || length > bytes.length) return 'packet-truncated'
    if ((word(bytes, 6) & 0x3fff) !== 0) return 'packet-fragment'
    this.length = length
    this.addressLength = 4
    this.sourceAt = 12
    this.destinationAt = 16
    this.transportAt = 20
    this.protocol = byte(bytes, 9)
    return undefined
  }

  #parseIpv6(bytes: Uint8Array): PacketRefusal | undefined {
    if (bytes.length < 40) return 'packet-truncated'
    const length = 40 + word(bytes, 4)
    if (length > bytes.length) return 'packet-truncated'
    let protocol = byte(bytes, 6)
    let at = 40
    for (let headers = 0; protocol === HOP_BY_HOP || protocol === DESTINATION_OPTIONS; headers++) {
      if (headers === MAX_EXTENSION_HEADERS) return 'packet-extension-header'
      if (at + 8 > length) return 'packet-truncated'
      protocol = byte(bytes, at)
      at += (byte(bytes, at + 1) + 1) * 8
      if (at > length) return 'packet-truncated'
    }
    if (protocol === FRAGMENT) return 'packet-fragment'
    if (protocol === ROUTING) return 'packet-extension-header'
    this.length = length
    this.addressLength = 16
    this.sourceAt = 8
    this.destinationAt = 24
    this.transportAt = at
    this.protocol = protocol
    return undefined
  }

  #parseTransport(bytes: Uint8Array): PacketRefusal | undefined {
    const at = this.transportAt
    const size = this.length - at
    this.sourcePort = 0
    this.destinationPort = 0
    this.tcpFlags = 0
    this.kind = 'other'
    if (this.protocol === TCP) {
      if (size < 20) return 'packet-transport'
      const header = (byte(bytes, at + 12) >> 4) * 4
      if (header < 20 || header > size) return 'packet-transport'
      this.kind = 'tcp'
      this.tcpFlags = byte(bytes, at + 13)
    } else if (this.protocol === UDP) {
      const length = word(bytes, at + 4)
      if (size < 8 || length < 8 || length > size) return 'packet-transport'
      this.kind = 'udp'
    } else if (this.protocol === (this.addressLength === 4 ? ICMP : ICMPV6)) {
      if (size < 8) return 'packet-transport'
      this.kind = icmpKind(byte(bytes, at), this.addressLength)
      if (this.kind === 'echoRequest' || this.kind === 'echoReply') {
        this.sourcePort = word(bytes, at + 4)
        this.destinationPort = this.sourcePort
      }
      return undefined
    } else {
      return undefined
    }
    this.sourcePort = word(bytes, at)
    this.destinationPort = word(bytes, at + 2)
    return undefined
  }
}

/** Whether a packet has the TCP flag SYN: it opens a connection, or accepts one (SYN-ACK). */
export const isSyn = ({ tcpFlags }: PacketView): boolean => (tcpFlags & SYN) !== 0

/** Returns the kind of an ICMP or ICMPv6 message by its type. */
export const icmpKind = (type: number, addressLength: 4 | 16): PacketKind => {
  if (addressLength === 16) {
    // RFC 4443 §2.1: error messages have types below 128.
    return type < 128 ? 'icmpError' : type === 128 ? 'echoRequest' : type === 129 ? 'echoReply' : 'icmp'
  }
  if (type === 8) return 'echoRequest'
  if (type === 0) return 'echoReply'
  return type === 3 || type === 4 || type === 5 || type === 11 || type === 12 ? 'icmpError' : 'icmp'
}

/**
 * Returns the offset of the checksum in a transport header at `transportAt`; -1 for protocols that have none or are
 * unknown.
 */
export const checksumAt = (protocol: number, transportAt: number): number =>
  protocol === TCP
    ? transportAt + 16
    : protocol === UDP
      ? transportAt + 6
      : protocol === ICMP || protocol === ICMPV6
        ? transportAt + 2
        : -1

/** Reads a 16-bit word in network order; bytes beyond the end read as 0. */
export const word = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)

export const putWord = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >> 8
  bytes[at + 1] = value & 0xff
}

/**
 * Updates the transport checksum for words that changed, unless there is none, or it lies beyond `length` as in the
 * quote of an ICMP error.
 */
export const updateTransportChecksum = (
  bytes: Uint8Array,
  { protocol, transportAt, addressLength, length }: TransportPlace,
  before: number,
  after: number,
): void => {
  const at = checksumAt(protocol, transportAt)
  if (at < 0 || at + 2 > length) return
  const checksum = word(bytes, at)
  // RFC 768: 0 over IPv4 means that there is no checksum, so a result of 0 is written as its other form.
  if (protocol === UDP && checksum === 0 && addressLength === 4) return
  const updated = updatedChecksum(checksum, before, after)
  putWord(bytes, at, protocol === UDP && updated === 0 ? 0xffff : updated)
}

/** Updates a checksum field that holds the sum of the pseudo-header: not complemented, and without a special zero. */
const updatePseudoChecksum = (
  bytes: Uint8Array,
  { protocol, transportAt }: TransportPlace,
  before: number,
  after: number,
): void => {
  const at = checksumAt(protocol, transportAt)
  if (at >= 0) putWord(bytes, at, ~updatedChecksum(~word(bytes, at) & 0xffff, before, after) & 0xffff)
}

/** Position of a transport header in a packet. */
export interface TransportPlace {
  protocol: number
  transportAt: number
  addressLength: 4 | 16
  /** Offset of the end of the packet's bytes. */
  length: number
}

const NO_BYTES = new Uint8Array(0)
const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const DESTINATION_OPTIONS = 60
const MAX_EXTENSION_HEADERS = 4

const byte = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0
