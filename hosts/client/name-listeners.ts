import type { DnsListener, DnsListenerOptions, DnsListeners } from '../../core/runtime/dns-listener.ts'
import { lacksFamily } from '../runtime/per-family.ts'

/** Ports that the listeners have, by family; none where there is no listener. */
export interface NameListenerPorts {
  ipv4?: number
  ipv6?: number
}

/**
 * Listeners for DNS over TCP, one on each tunnel address, which the packet engine leads applications' connections to. Their ports are the kernel's
 * choice: on one that is known beforehand, another user of this machine could listen first.
 */
export class NameListeners {
  readonly #listeners: DnsListeners
  readonly #options: Omit<DnsListenerOptions, 'address' | 'port'>
  #open: DnsListener[] = []

  constructor(listeners: DnsListeners, options: Omit<DnsListenerOptions, 'address' | 'port'>) {
    this.#listeners = listeners
    this.#options = options
  }

  /** Listens on exactly these. An address of a family that this machine lacks is left out. Rejects, with nothing open, where there is no port. */
  async listenOn(addresses: readonly string[]): Promise<NameListenerPorts> {
    await this.close()
    const ports: NameListenerPorts = {}
    for (const address of addresses) {
      try {
        const listener = await this.#listeners.open({ ...this.#options, address, port: 0 })
        this.#open.push(listener)
        ports[address.includes(':') ? 'ipv6' : 'ipv4'] = listener.port
      } catch (error) {
        if (lacksFamily(error)) continue
        await this.close()
        throw error
      }
    }
    return ports
  }

  answer(connection: number, message: Uint8Array): void {
    for (const listener of this.#open) listener.answer(connection, message)
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((listener) => listener.close()))
  }
}
