import { token } from '../di.ts'

export interface ForwardingOptions {
  masqueradeIpv4: boolean
  masqueradeIpv6: boolean
  /** Of TCP and UDP, at the device's addresses. */
  servicePort: number
}

/** The operating system's network around a TUN device: addresses, routes, forwarding. Idempotent; `clear` undoes all of it. */
export interface NetworkConfiguration {
  /** Marks the device as this process's, before anything is done with it. Rejects where another client or gateway runs here. */
  claim: (device: string) => Promise<void>
  /** Brings the device up with exactly these addresses (text, without prefix length). A family that the host lacks is left out. */
  setAddresses: (device: string, addresses: readonly string[]) => Promise<void>
  /** Makes exactly these prefixes (`192.0.2.0/24`) go to the device, for all but the host's own marked sockets. */
  setRoutes: (device: string, prefixes: readonly string[]) => Promise<void>
  /** Gateway: forwards what comes from the device and masquerades it on the way out; its own addresses there answer on one port. */
  enableForwarding: (device: string, options: ForwardingOptions) => Promise<void>
  clear: () => Promise<void>
}

export const NetworkConfiguration = token<NetworkConfiguration>('network-configuration')

/** Which resolver the system's applications ask. The original is restored by `restore`, and at the next start after a crash. */
export interface ResolverConfiguration {
  set: (configuration: {
    device: string
    servers: readonly string[]
    searchDomain: string | undefined
  }) => Promise<void>
  restore: () => Promise<void>
}

export const ResolverConfiguration = token<ResolverConfiguration>('resolver-configuration')

/** SO_MARK of the client's own sockets, which routing rules let bypass the tunnel. */
export const OWN_SOCKET_MARK = 0xfd002021
