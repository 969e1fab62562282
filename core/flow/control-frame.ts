import { siteFinding, type SiteFindings } from '../dns/site-finding.ts'
import { canonicalAddress } from '../net/ip-address.ts'
import { CONTROL, putWord, word } from '../net/packet-view.ts'

/**
 * Control messages between client and gateway inside the tunnel (wire §5). They may be lost, so they are idempotent and
 * repeated.
 */
export type ControlFrame =
  /** Mapped addresses (canonical text) that a client has assigned to a name of a resource. */
  | { type: 'assignedIps'; resource: string; domain: string; mappedIps: readonly string[] }
  /**
   * Gateway's answer. `found` has the site's findings if there was a problem: Portreeve's addition, which other peers
   * ignore.
   */
  | {
      type: 'domainStatus'
      resource: string
      domain: string
      status: 'Active' | 'Inactive'
      found?: SiteFindings | undefined
    }
  /** The sender closes the tunnel. */
  | { type: 'goodbye' }

/** Reason why a control frame is malformed. */
export type ControlRefusal = 'control-truncated' | 'control-too-long' | 'control-unknown-type' | 'control-body'

/** Most mapped addresses of a name: four of each family. */
const MAX_MAPPED_IPS = 8

/**
 * Whether a packet is a control frame: IPv6 from `::` to `::` with next header 0xFF. Such a packet never reaches a TUN
 * device.
 */
export const isControlFrame = (packet: Uint8Array): boolean => {
  if (packet.length < IP_HEADER || (packet[0] ?? 0) >> 4 !== 6 || packet[6] !== CONTROL) return false
  for (let at = 8; at < IP_HEADER; at++) if (packet[at] !== 0) return false
  return true
}

/** Encodes a frame as a packet, which the caller owns. */
export const encodeControlFrame = (frame: ControlFrame): Uint8Array => {
  const body = frame.type === 'goodbye' ? NO_BODY : new TextEncoder().encode(JSON.stringify(bodyOf(frame)))
  const packet = new Uint8Array(HEADERS + body.length)
  packet[0] = 0x60
  putWord(packet, 4, CONTROL_HEADER + body.length)
  packet[6] = CONTROL
  packet[IP_HEADER] = TYPES.indexOf(frame.type)
  packet.set(body, HEADERS)
  return packet
}

/** Decodes a packet for which `isControlFrame` holds; returns a reason if it is malformed. */
export const decodeControlFrame = (packet: Uint8Array): ControlFrame | ControlRefusal => {
  const end = IP_HEADER + word(packet, 4)
  if (end > packet.length || end < HEADERS) return 'control-truncated'
  const type = TYPES[packet[IP_HEADER] ?? 0xff]
  if (type === undefined) return 'control-unknown-type'
  if (type === 'goodbye') return { type }
  if (end - HEADERS > MAX_BODY_BYTES) return 'control-too-long'
  const body = jsonObject(packet.subarray(HEADERS, end))
  if (body === undefined) return 'control-body'
  const { resource, domain } = body
  if (!isShortText(resource, MAX_ID_CHARACTERS) || !isShortText(domain, MAX_DOMAIN_CHARACTERS)) return 'control-body'
  if (type === 'domainStatus') {
    // An unknown status counts as `Inactive`.
    if (typeof body.status !== 'string') return 'control-body'
    const found = findings(body.found)
    const told = found === undefined ? {} : { found }
    return { type, resource, domain, status: body.status === 'Active' ? 'Active' : 'Inactive', ...told }
  }
  const mappedIps = addresses(body.proxy_ips)
  return mappedIps === undefined ? 'control-body' : { type, resource, domain, mappedIps }
}

const IP_HEADER = 40
const CONTROL_HEADER = 8
const HEADERS = IP_HEADER + CONTROL_HEADER
const MAX_BODY_BYTES = 4_096
const MAX_ID_CHARACTERS = 64
const MAX_DOMAIN_CHARACTERS = 253
const NO_BODY = new Uint8Array(0)

/** Types of frames; the index is the number on the wire. */
const TYPES = ['assignedIps', 'domainStatus', 'goodbye'] as const

const bodyOf = (frame: Exclude<ControlFrame, { type: 'goodbye' }>): Record<string, unknown> =>
  frame.type === 'assignedIps'
    ? { resource: frame.resource, domain: frame.domain, proxy_ips: frame.mappedIps }
    : { resource: frame.resource, domain: frame.domain, status: frame.status, found: frame.found }

const jsonObject = (bytes: Uint8Array): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Reads findings; undefined if they are absent, malformed or unknown. */
const findings = (value: unknown): SiteFindings | undefined => {
  if (typeof value !== 'object' || value === null) return undefined
  const { ipv4, ipv6 } = value as Record<string, unknown>
  const [four, six] = [siteFinding(ipv4), siteFinding(ipv6)]
  return four === undefined || six === undefined ? undefined : { ipv4: four, ipv6: six }
}

const isShortText = (value: unknown, longest: number): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= longest

const addresses = (value: unknown): string[] | undefined => {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_MAPPED_IPS) return undefined
  const canonical: string[] = []
  for (const item of value) {
    const address = typeof item === 'string' ? canonicalAddress(item) : undefined
    if (address === undefined || canonical.includes(address)) return undefined
    canonical.push(address)
  }
  return canonical
}
