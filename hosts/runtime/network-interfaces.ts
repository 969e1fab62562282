import { networkInterfaces } from 'node:os'
import { canonicalAddress } from '../../core/net/ip-address.ts'
import type { NetworkInterfaces } from '../../core/runtime/network-interfaces.ts'

/** Node has no notice of changes; a look costs some microseconds. */
const LOOK_EVERY_MS = 1_000

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
