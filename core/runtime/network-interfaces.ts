import { token } from '../di.ts'

/** The machine's own addresses, of all its devices, as canonical text without zones. */
export interface NetworkInterfaces {
  /** Without those of the device named. */
  addresses: (except: string) => readonly string[]
  /** Calls back soon after addresses may have changed; what it returns ends that. */
  watch: (changed: () => void) => () => void
}

export const NetworkInterfaces = token<NetworkInterfaces>('network-interfaces')
