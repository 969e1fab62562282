import ipaddr from 'ipaddr.js'
import { isIP } from 'node:net'
import { patternProblem } from '../../../../core/dns/pattern.ts'
import { whyNoServers } from '../../../../core/net/never-a-server.ts'
import { NEVER_A_SERVER_TEXT } from '../../../../core/net/server-address.ts'

export type AddressVerdict = { ok: true; address: string } | { ok: false; problem: string }

/** Returns the address of a resource in canonical form, or why it is not allowed (wire §4). */
export const resourceAddress = (type: 'dns' | 'cidr' | 'ip', text: string): AddressVerdict => {
  switch (type) {
    case 'dns': {
      const problem = patternProblem(text)
      return problem === undefined ? { ok: true, address: text.toLowerCase() } : { ok: false, problem }
    }
    case 'cidr':
      return cidrAddress(text)
    case 'ip':
      return text.includes('/') ? { ok: false, problem: 'is one address, without a prefix length' } : cidrAddress(text)
  }
}

const cidrAddress = (text: string): AddressVerdict => {
  const [written = '', prefix, ...rest] = text.split('/')
  const family = isIP(written)
  if (family === 0 || written.includes('%') || rest.length > 0) return { ok: false, problem: 'is no address' }
  const longest = family === 4 ? 32 : 128
  const bits = prefix === undefined ? longest : /^(?:0|[1-9]\d{0,2})$/.test(prefix) ? Number(prefix) : Number.NaN
  if (!(bits <= longest)) return { ok: false, problem: `has a prefix length other than 0 to ${longest}` }
  const address = ipaddr.parse(written)
  if (bits === 0) return { ok: false, problem: 'is everything: write the networks that are meant' }
  const network = networkOf(address, bits)
  if (network.toString() !== address.toString()) {
    return { ok: false, problem: `has host bits: write ${textOf(network)}/${bits}, or one address` }
  }
  const refused = REFUSED.find(([range]) => overlaps([network, bits], ipaddr.parseCIDR(range)))
  if (refused !== undefined) return { ok: false, problem: `is within or around ${refused[0]}, ${refused[1]}` }
  const reason = whyNoServers({ address: Uint8Array.from(network.toByteArray()), length: bits })
  // A metadata service named by its exact address is intended; client and gateway leave it out of a wider network.
  if (reason !== undefined && (reason !== 'metadata' || bits < longest))
    return { ok: false, problem: NEVER_A_SERVER_TEXT[reason] }
  return { ok: true, address: prefix === undefined ? textOf(network) : `${textOf(network)}/${bits}` }
}

const REFUSED: readonly [string, string][] = [
  ['100.64.0.0/10', "the tunnels' own addresses"],
  ['fd00:2021:1111::/48', "the tunnels' own addresses"],
  ['127.0.0.0/8', 'the machine itself'],
  ['::1/128', 'the machine itself'],
  ['0.0.0.0/8', 'no address of a machine'],
  ['::/128', 'no address of a machine'],
  ['224.0.0.0/4', 'multicast'],
  ['ff00::/8', 'multicast'],
  ['169.254.0.0/16', 'link-local'],
  ['fe80::/10', 'link-local'],
  ['::ffff:0:0/96', 'IPv4 within IPv6: write the IPv4 address'],
]

type Address = ipaddr.IPv4 | ipaddr.IPv6

const networkOf = (address: Address, bits: number): Address =>
  ipaddr.fromByteArray(
    address.toByteArray().map((byte, index) => byte & (0xff << (8 - Math.min(8, Math.max(0, bits - index * 8))))),
  )

const overlaps = ([a, aBits]: [Address, number], [b, bBits]: [Address, number]): boolean =>
  a.kind() === b.kind() && a.match(b, Math.min(aBits, bBits))

const textOf = (address: Address): string =>
  address.kind() === 'ipv6' ? (address as ipaddr.IPv6).toRFC5952String() : address.toString()
