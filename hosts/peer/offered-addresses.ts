import type { OfferedAddresses } from '../../core/ice/candidate-gathering.ts'
import type { DeviceAddress } from '../../core/runtime/network-interfaces.ts'

/**
 * Chooses the addresses to offer to peers as candidates: all but those of excluded devices. In `excluded`, a name may
 * end in `*`.
 */
export const offeredAddresses = (
  addresses: readonly DeviceAddress[],
  excluded: readonly string[],
): OfferedAddresses => {
  const isExcluded = (device: string): boolean =>
    excluded.some((name) => (name.endsWith('*') ? device.startsWith(name.slice(0, -1)) : device === name))
  const offered = addresses.filter(({ device }) => !isExcluded(device))
  const of = (isBridge: boolean): string[] =>
    offered.flatMap(({ address, kind }) => ((kind === 'bridge') === isBridge ? address : []))
  return { links: of(false), bridges: of(true) }
}
