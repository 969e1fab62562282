import type { DnsListener, DnsListenerOptions, DnsListeners } from '../../core/runtime/dns-listener.ts'

/** Where the packet engine leads DNS over TCP to: an ordinary listener on each tunnel address. */
export class NameListeners {
  readonly #listeners: DnsListeners
  readonly #options: Omit<DnsListenerOptions, 'address'>
  #open: DnsListener[] = []

  constructor(listeners: DnsListeners, options: Omit<DnsListenerOptions, 'address'>) {
    this.#listeners = listeners
    this.#options = options
  }

  /** Listens on exactly these. An address of a family that this machine lacks is left out. */
  async listenOn(addresses: readonly string[]): Promise<void> {
    await this.close()
    for (const address of addresses) {
      try {
        this.#open.push(await this.#listeners.open({ ...this.#options, address }))
      } catch (error) {
        if (!LACKING.has((error as { code?: string }).code ?? '')) throw error
      }
    }
  }

  answer(connection: number, message: Uint8Array): void {
    for (const listener of this.#open) listener.answer(connection, message)
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((listener) => listener.close()))
  }
}

const LACKING = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])
