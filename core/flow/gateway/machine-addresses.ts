import { formatAddress, type AddressBytes } from '../../net/ip-address.ts'

/**
 * Addresses of the gateway's own machine on all its devices. Packets from the tunnel to these would reach the machine's
 * own services and bypass firewall rules for its other devices.
 */
export class MachineAddresses {
  #canonical: ReadonlySet<string> = new Set()

  /** Replaces the addresses; they are canonical. */
  replace(addresses: readonly string[]): void {
    this.#canonical = new Set(addresses)
  }

  has(address: AddressBytes): boolean {
    return this.#canonical.has(formatAddress(address))
  }
}
