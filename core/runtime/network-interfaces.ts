import { token } from '../di.ts'

/** Addresses of this machine's network devices, as canonical text without zones. */
export interface NetworkInterfaces {
  /** Returns the addresses of all devices except the named one. */
  addresses: (except: string) => readonly string[]
  /** Calls back soon after addresses may have changed. Returns a function that ends the watch. */
  watch: (changed: () => void) => () => void
}

export const NetworkInterfaces = token<NetworkInterfaces>('network-interfaces')
