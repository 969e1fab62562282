import { z } from 'zod'
import { isOfferable } from '../../core/ice/candidate.ts'
import { canonicalAddress } from '../../core/net/ip-address.ts'
import type { Family } from '../../core/runtime/endpoint.ts'
import type { AllocationLimits } from '../../core/turn/allocations.ts'
import { parseNetwork } from '../runtime/permitted-addresses.ts'

const Port = z.int().min(1_024).max(65_535)

/** Settings of a relay's server, wherever it runs: in a process of its own, or in that of a portal. */
export const relaySettings = {
  /**
   * Addresses at which peers reach this relay, one of each family at most: outside of a 1:1 NAT where there is one. A family without
   * an address is not offered.
   */
  addresses: z
    .array(
      z
        .string()
        .refine((text) => isRelayAddress(text), 'is no address that peers can reach')
        .transform((text) => canonicalAddress(text) ?? text),
    )
    .max(2)
    .refine((all) => new Set(all.map(familyOf)).size === all.length, 'has two addresses of one family')
    .default([]),
  /**
   * UDP ports at which the relay takes data for its clients, one for each client and family. A firewall has to let them in, beside
   * the port that the relay listens on.
   */
  relayed_ports: z
    .strictObject({ first: Port.default(49_152), last: Port.default(65_535) })
    .refine(({ first, last }) => first <= last, 'ends before it begins')
    .prefault({}),
  /**
   * Networks, besides the Internet, in which peers may be: IP addresses or CIDRs. Peers that both use this relay need none. All other
   * private addresses, those of this machine and those of clouds' metadata services are refused, because whoever may use the
   * relay could reach servers near it. Loopback, link-local, tunnel and metadata addresses have to be named by a prefix of such
   * addresses only.
   */
  permitted_peers: z
    .array(z.string().refine((text) => parseNetwork(text) !== undefined, 'is no address and no CIDR'))
    .max(100)
    .default([]),
  /** Most clients at a time. */
  max_allocations: z.int().min(1).max(100_000).default(10_000),
  /**
   * Most that the peers of one account have of the relay together: clients at a time, and data in Mbit/s that is forwarded from
   * them or to them. In a portal's process, whose relay all accounts share, half of `max_allocations` and 1000 Mbit/s by default; a
   * relay of its own process serves one account, without a limit but its own.
   */
  per_account: z
    .strictObject({
      max_allocations: z.int().min(1).max(100_000).optional(),
      mbit_per_second: z.number().min(1).max(100_000).optional(),
    })
    .prefault({}),
  /** URL at which a WebSocket carries the same datagrams, for peers whose networks block UDP. */
  websocket_url: z.url({ protocol: /^wss?$/ }).optional(),
}

/** Returns the limits of a relay's allocations that settings name. */
export const allocationLimits = ({
  max_allocations: total,
  per_account: { max_allocations: perAccount, mbit_per_second: mbitPerSecond },
}: {
  max_allocations: number
  per_account: { max_allocations?: number | undefined; mbit_per_second?: number | undefined }
}): Partial<AllocationLimits> => ({
  total,
  perAccount,
  accountBytesPerSecond: mbitPerSecond === undefined ? undefined : mbitPerSecond * BYTES_OF_MBIT,
})

const BYTES_OF_MBIT = 1_000_000 / 8

/** Whether other machines may reach a text's address. */
const isRelayAddress = (text: string): boolean => {
  const address = canonicalAddress(text)
  return address !== undefined && isOfferable(address)
}

const familyOf = (address: string): Family => (address.includes(':') ? 'ipv6' : 'ipv4')

/** Sorts addresses by family; the first of each counts. */
export const byFamily = (addresses: readonly string[]): Partial<Record<Family, string>> => {
  const ipv4 = addresses.find((address) => familyOf(address) === 'ipv4')
  const ipv6 = addresses.find((address) => familyOf(address) === 'ipv6')
  return { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) }
}
