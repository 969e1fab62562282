import { token } from '../di.ts'

/**
 * Kind of a network device. `uplink`: a default route leads over it; `bridge`: it joins containers or virtual machines
 * on this machine, and nothing else; `link`: any other.
 */
export type LinkKind = 'uplink' | 'link' | 'bridge'

/** Address of a network device. */
export interface DeviceAddress {
  /** Canonical text without a zone. */
  address: string
  device: string
  kind: LinkKind
}

/** Addresses of this machine's network devices. */
export interface NetworkInterfaces {
  /** Returns the addresses of all devices except the named one: those of uplinks first, those of bridges last. */
  addresses: (except: string) => readonly DeviceAddress[]
  /** Calls back soon after addresses or default routes may have changed. Returns a function that ends the watch. */
  watch: (changed: () => void) => () => void
}

export const NetworkInterfaces = token<NetworkInterfaces>('network-interfaces')
