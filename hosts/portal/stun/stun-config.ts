import { z } from 'zod'

const Addresses = z.array(z.union([z.ipv4(), z.ipv6()])).max(16)

/** Settings of the STUN server, by which peers learn their addresses outside of a NAT. */
export const StunConfig = z.strictObject({
  /** UDP port, which a firewall has to let pass. */
  port: z.int().min(1).max(65535).default(3478),
  /**
   * Addresses to listen on. A machine with several outside addresses has to name those that peers are told, as others
   * may not be the source of its answers. Empty if another server is told, in `advertised_addresses`.
   */
  listen: Addresses.default(['0.0.0.0', '::']),
  /**
   * Addresses that peers are told instead of those of `public_url`'s host, which may be a proxy's on another machine.
   */
  advertised_addresses: Addresses.default([]),
})
export type StunConfig = z.infer<typeof StunConfig>
