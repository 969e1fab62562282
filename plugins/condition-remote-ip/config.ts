import ipaddr from 'ipaddr.js'
import { z } from 'portreeve'
import { parseRange } from './address-range.ts'

const Range = z
  .string()
  .max(64)
  .superRefine((text, context) => {
    const range = parseRange(text)
    if (range === undefined) {
      context.addIssue({ code: 'custom', message: 'neither an address nor a network: 192.0.2.7, 2001:db8::/32' })
    } else if (range.hasHostBits) {
      context.addIssue({ code: 'custom', message: `has bits beyond its prefix: write ${networkOf(text)}` })
    }
  })

const networkOf = (text: string): string =>
  ipaddr.IPv4.isValidCIDR(text)
    ? `${ipaddr.IPv4.networkAddressFromCIDR(text).toString()}/${text.split('/')[1] ?? ''}`
    : `${ipaddr.IPv6.networkAddressFromCIDR(text).toString()}/${text.split('/')[1] ?? ''}`

export const Settings = z.strictObject({
  /** `in`: the client's address is in one of the ranges. `not_in`: it is in none. */
  operator: z.enum(['in', 'not_in']).default('in'),
  /** Addresses and networks, IPv4 or IPv6. */
  ranges: z.array(Range).min(1).max(1000),
})
export type Settings = z.infer<typeof Settings>
