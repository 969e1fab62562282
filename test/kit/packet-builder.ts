import { formatAddress, parseAddress } from '../../core/net/ip-address.ts'

// Builds and describes packets without the code under test: a plain sum over all words is the oracle of incremental
// checksums.

export interface PacketParts {
  kind?: 'tcp' | 'udp' | 'echoRequest' | 'echoReply'
  source: string
  destination: string
  /** Source port of TCP and UDP, or identifier of an echo request. */
  sourcePort?: number
  destinationPort?: number
  /** TCP flags, letters of `SFRPA`; a SYN by default. */
  flags?: string
  sequence?: number
  /** DSCP and ECN. */
  trafficClass?: number
  identification?: number
  payload?: Uint8Array
}

/** Builds a packet with right checksums. */
export const buildPacket = ({
  kind = 'tcp',
  source,
  destination,
  sourcePort = 40_000,
  destinationPort = 443,
  flags = 'S',
  sequence = 1,
  trafficClass = 0,
  identification = 0,
  payload = new Uint8Array(0),
}: PacketParts): Uint8Array => {
  const isIpv6 = source.includes(':')
  const transport =
    kind === 'tcp'
      ? [
          ...word(sourcePort),
          ...word(destinationPort),
          ...long(sequence),
          ...long(0),
          0x50,
          flagBits(flags),
          0xff,
          0xff,
          0,
          0,
          0,
          0,
        ]
      : kind === 'udp'
        ? [...word(sourcePort), ...word(destinationPort), ...word(8 + payload.length), 0, 0]
        : [icmpType(kind, isIpv6), 0, 0, 0, ...word(sourcePort), ...word(1)]
  const protocol = kind === 'tcp' ? 6 : kind === 'udp' ? 17 : isIpv6 ? 58 : 1
  return buildIp({ source, destination, protocol, trafficClass, identification, transport: [...transport, ...payload] })
}

/** Builds an IP packet around transport bytes and fills in their checksum where the protocol has one. */
export const buildIp = ({
  source,
  destination,
  protocol,
  trafficClass = 0,
  identification = 0,
  transport,
}: {
  source: string
  destination: string
  protocol: number
  trafficClass?: number
  identification?: number
  transport: readonly number[]
}): Uint8Array => {
  const addresses = [...bytesOf(source), ...bytesOf(destination)]
  const header = source.includes(':')
    ? [
        0x60 | (trafficClass >> 4),
        (trafficClass & 15) << 4,
        0,
        0,
        ...word(transport.length),
        protocol,
        64,
        ...addresses,
      ]
    : [
        0x45,
        trafficClass,
        ...word(20 + transport.length),
        ...word(identification),
        0x40,
        0,
        64,
        protocol,
        0,
        0,
        ...addresses,
      ]
  const packet = Uint8Array.from([...header, ...transport])
  if (!source.includes(':')) packet.set(word(65_535 - sumOf(packet.subarray(0, 20))), 10)
  const at = checksumPlace(packet)
  if (at !== undefined) {
    const checksum = 65_535 - sumOf(covered(packet))
    packet.set(word(protocol === 17 && checksum === 0 ? 65_535 : checksum), at)
  }
  return packet
}

/** Builds an ICMP error about a packet, as a router on the way would send it. */
export const buildIcmpError = ({
  source,
  destination,
  type,
  code,
  rest = 0,
  about,
  quoteLength = 1_000,
}: {
  source: string
  destination: string
  type: number
  code: number
  /** Second word of the ICMP header: for "packet too big" the MTU. */
  rest?: number
  about: Uint8Array
  quoteLength?: number
}): Uint8Array =>
  buildIp({
    source,
    destination,
    protocol: source.includes(':') ? 58 : 1,
    transport: [type, code, 0, 0, ...long(rest), ...about.subarray(0, quoteLength)],
  })

/** Whether every checksum of the packet is right, computed from all its bytes. */
export const checksumsAreRight = (packet: Uint8Array): boolean => {
  if (packet[0] === 0x45 && sumOf(packet.subarray(0, 20)) !== 65_535) return false
  return checksumPlace(packet) === undefined || sumOf(covered(packet)) === 65_535
}

/** A packet in one line: `tcp 192.0.2.1:40000 > 192.0.2.2:443 S` · `icmp 3/13 192.0.2.2 > 192.0.2.1 (tcp …)` */
export const describePacket = (packet: Uint8Array | undefined): string => {
  if (packet === undefined) return 'nothing'
  const isIpv6 = (packet[0] ?? 0) >> 4 === 6
  const [size, at] = isIpv6 ? [16, 8] : [4, 12]
  const source = formatAddress(packet, at, size)
  const destination = formatAddress(packet, at + size, size)
  const protocol = packet[isIpv6 ? 6 : 9] ?? 0
  const transport = packet.subarray(isIpv6 ? 40 : 20)
  const [first, second] = [number(transport, 0), number(transport, 2)]
  if (protocol === 6 || protocol === 17) {
    const flags = protocol === 6 ? ` ${flagText(transport[13] ?? 0)}` : ''
    return `${protocol === 6 ? 'tcp' : 'udp'} ${end(source, first)} > ${end(destination, second)}${flags}`
  }
  if (protocol === 1 || protocol === 58) {
    const type = transport[0] ?? 0
    if (type === icmpType('echoRequest', isIpv6)) return `ping ${number(transport, 4)} ${source} > ${destination}`
    if (type === icmpType('echoReply', isIpv6)) return `pong ${number(transport, 4)} ${source} > ${destination}`
    return `icmp ${type}/${transport[1] ?? 0} ${source} > ${destination} (${describePacket(transport.subarray(8))})`
  }
  return `protocol ${protocol} ${source} > ${destination}`
}

const FLAGS = 'FSRPA'

const flagBits = (flags: string): number => flags.split('').reduce((bits, flag) => bits | (1 << FLAGS.indexOf(flag)), 0)

const flagText = (bits: number): string =>
  FLAGS.split('')
    .filter((_, at) => (bits & (1 << at)) !== 0)
    .join('')

const icmpType = (kind: 'echoRequest' | 'echoReply', isIpv6: boolean): number =>
  isIpv6 ? (kind === 'echoRequest' ? 128 : 129) : kind === 'echoRequest' ? 8 : 0

const end = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

const bytesOf = (address: string): Uint8Array => {
  const bytes = parseAddress(address)
  if (bytes === undefined) throw new TypeError(`not an address: ${address}`)
  return bytes
}

const word = (value: number): [number, number] => [value >> 8, value & 255]
const long = (value: number): [number, number, number, number] => [
  (value >>> 24) & 255,
  (value >>> 16) & 255,
  (value >>> 8) & 255,
  value & 255,
]
const number = (bytes: Uint8Array, at: number): number => (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)

const sumOf = (bytes: Uint8Array): number => {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) {
    sum += number(bytes, at)
    if (sum > 65_535) sum -= 65_535
  }
  return sum
}

const checksumPlace = (packet: Uint8Array): number | undefined => {
  const isIpv6 = (packet[0] ?? 0) >> 4 === 6
  const protocol = packet[isIpv6 ? 6 : 9] ?? 0
  const offset = protocol === 6 ? 16 : protocol === 17 ? 6 : protocol === 1 || protocol === 58 ? 2 : undefined
  return offset === undefined ? undefined : (isIpv6 ? 40 : 20) + offset
}

/** Bytes that a transport checksum covers: the pseudo-header, and everything after the IP header. */
const covered = (packet: Uint8Array): Uint8Array => {
  const isIpv6 = (packet[0] ?? 0) >> 4 === 6
  const protocol = packet[isIpv6 ? 6 : 9] ?? 0
  const transport = packet.subarray(isIpv6 ? 40 : 20)
  if (protocol === 1) return transport
  const addresses = isIpv6 ? packet.subarray(8, 40) : packet.subarray(12, 20)
  return Uint8Array.from([...addresses, ...word(transport.length), ...word(protocol), ...transport])
}
