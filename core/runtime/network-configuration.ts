import { token } from '../di.ts'

/** Settings of a gateway's forwarding. */
export interface ForwardingOptions {
  masqueradeIpv4: boolean
  masqueradeIpv6: boolean
  /** TCP and UDP port of the gateway's DNS service, at the device's addresses. */
  servicePort: number
}

/** Range of addresses: a prefix, whose address is in network order and whose length is in bits. */
interface AddressRange {
  readonly address: Uint8Array
  readonly length: number
}

/** Ranges of addresses of an account's tunnels (`AddressRanges` of core/net); pairs have IPv4 first. */
export interface TunnelRanges {
  readonly tunnel: readonly [AddressRange, AddressRange]
  readonly mapped: readonly [AddressRange, AddressRange]
  readonly sentinels: readonly [AddressRange, AddressRange]
  readonly own: readonly AddressRange[]
}

/**
 * Configuration of the operating system's network around a TUN device: addresses, routes, forwarding. Idempotent;
 * `clear` undoes all of it.
 */
export interface NetworkConfiguration {
  /**
   * Claims the device for this process, before anything else is done with it. Rejects if another client or gateway runs
   * on this machine.
   */
  claim: (device: string) => Promise<void>
  /**
   * Brings the device up with exactly these addresses (without prefix length). Leaves out a family that the host lacks.
   * `ranges`: those of the account's tunnels, for the later calls, too; the usual ones by default.
   */
  setAddresses: (device: string, addresses: readonly string[], ranges?: TunnelRanges) => Promise<void>
  /**
   * Routes exactly these prefixes (`192.0.2.0/24`) to the device, except for sockets marked with `OWN_SOCKET_MARK`. At a
   * client, ends open TCP connections of this machine to prefixes that are routed no longer, as far as the system can, and
   * returns their number.
   */
  setRoutes: (device: string, prefixes: readonly string[]) => Promise<number>
  /**
   * For gateways: forwards packets from the device, masquerading them if set. At the device's own addresses, only
   * `servicePort` is reachable.
   */
  enableForwarding: (device: string, options: ForwardingOptions) => Promise<void>
  clear: () => Promise<void>
}

export const NetworkConfiguration = token<NetworkConfiguration>('network-configuration')

/** Names below a suffix that belong to a resource. */
export interface NameRange {
  /** Normalized name that the names end with, or are: `example.org` for `*.example.org`. */
  suffix: string
  /** Most labels that the names have before the suffix; undefined if there is no limit. */
  depth: number | undefined
}

/**
 * Configuration of the system's DNS resolver. `restore` brings the original back; after a crash, the next start does.
 */
export interface ResolverConfiguration {
  set: (configuration: {
    device: string
    servers: readonly string[]
    searchDomain: string | undefined
    /** Names of resources, which only these servers know, for a resolver that chooses servers by the name. */
    names?: readonly NameRange[]
  }) => Promise<void>
  restore: () => Promise<void>
}

export const ResolverConfiguration = token<ResolverConfiguration>('resolver-configuration')

/** SO_MARK of the client's own sockets, by which routing rules let them bypass the tunnel. */
export const OWN_SOCKET_MARK = 0xfd002021
