import { formatAddress, type AddressBytes } from '../../net/ip-address.ts'

/**
 * The addresses of the gateway's own machine, on all its devices. What is sent there out of the tunnel meets the machine's own services,
 * and none of the firewall rules that stand before them on the devices of its networks.
 */
export class MachineAddresses {
  #canonical: ReadonlySet<string> = new Set()

  /** Canonical ones, in the place of those known so far. */
  replace(addresses: readonly string[]): void {
    this.#canonical = new Set(addresses)
  }

  has(address: AddressBytes): boolean {
    return this.#canonical.has(formatAddress(address))
  }
}
