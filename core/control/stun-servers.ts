import { formatAddress, parseAddress } from '../net/ip-address.ts'
import { endpoint, splitEndpoint, type Endpoint } from '../runtime/endpoint.ts'
import type { Relay, RelaysPresence } from './wire-values.ts'

/** STUN servers that a portal has told, by their ids. Entries of other types, or without an endpoint, are passed over. */
export class StunServers {
  readonly #byId = new Map<string, readonly Endpoint[]>()

  /** Endpoints of all servers. */
  get endpoints(): Endpoint[] {
    return [...this.#byId.values()].flat()
  }

  /** Replaces all servers by those of an `init`. */
  replaceAll(relays: readonly Relay[] = []): void {
    this.#byId.clear()
    this.#add(relays)
  }

  /** Applies a change that the portal has told. */
  change({ disconnected_ids, connected }: RelaysPresence): void {
    for (const id of disconnected_ids) this.#byId.delete(id)
    this.#add(connected)
  }

  #add(relays: readonly Relay[]): void {
    for (const { type, id, addr } of relays) {
      const parts = splitEndpoint(addr)
      const address = parts === undefined ? undefined : parseAddress(parts.address)
      if (type !== 'stun' || parts === undefined || address === undefined) continue
      this.#byId.set(id, [...(this.#byId.get(id) ?? []), endpoint(formatAddress(address), parts.port)])
    }
  }
}
