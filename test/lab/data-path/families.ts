import { ipv4Of, ipv6Of } from '../bed/topology.ts'

/** Names, flags and addresses that differ between IPv4 and IPv6, for tests of both. */
export const FAMILIES = [
  { family: 'IPv4', of: ipv4Of, type: 'A', flag: '-4', headerBytes: 20, literal: (address: string) => address },
  {
    family: 'IPv6',
    of: ipv6Of,
    type: 'AAAA',
    flag: '-6',
    headerBytes: 40,
    literal: (address: string) => `[${address}]`,
  },
] as const
