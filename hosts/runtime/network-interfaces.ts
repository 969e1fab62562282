import { networkInterfaces } from 'node:os'
import { canonicalAddress } from '../../core/net/ip-address.ts'
import type { NetworkInterfaces } from '../../core/runtime/network-interfaces.ts'

/** Polling interval: Node does not report changes, and reading all interfaces takes some microseconds. */
const LOOK_EVERY_MS = 1_000

/** Addresses of this machine's interfaces, with changes found by polling. */
export class SystemNetworkInterfaces implements NetworkInterfaces {
  addresses(except: string): readonly string[] {
    return Object.entries(networkInterfaces()).flatMap(([device, infos = []]) =>
      device === except ? [] : infos.flatMap(({ address }) => canonicalAddress(address) ?? []),
    )
  }

  watch(changed: () => void): () => void {
    const timer = setInterval(changed, LOOK_EVERY_MS)
    return () => clearInterval(timer)
  }
}
