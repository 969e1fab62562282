import { formatAddress, parseAddress } from '../net/ip-address.ts'
import { endpoint, splitEndpoint, type Endpoint } from '../runtime/endpoint.ts'
import type { OfferedRelay } from '../turn/relay-clients.ts'
import type { Relay, RelaysPresence } from './wire-values.ts'

/**
 * STUN servers and relays that a portal has told, by their ids. Several entries of one id are the endpoints of one
 * server; entries without an endpoint are passed over.
 */
export class OfferedRelays {
  readonly #byId = new Map<string, Server>()

  /** Endpoints of all servers, STUN servers first. Relays are STUN servers as well (RFC 8656 §3). */
  get stunServers(): Endpoint[] {
    const all = [...this.#byId.values()]
    const of = (isRelay: boolean) => all.filter(({ credentials }) => (credentials !== undefined) === isRelay)
    return [...of(false), ...of(true)].flatMap(({ endpoints }) => endpoints)
  }

  /** Relays, in the portal's order: the best one first. */
  get relays(): OfferedRelay[] {
    return [...this.#byId.values()].flatMap(({ endpoints, credentials, websocketUrl }) =>
      credentials === undefined ? [] : { endpoints, credentials, websocketUrl },
    )
  }

  /**
   * Replaces all servers by those of an `init`. Relays stay where it names none: a portal that has just started does not
   * know yet which are there, and paths over them go on meanwhile.
   */
  replaceAll(relays: readonly Relay[] = []): void {
    const knowsRelays = relays.some(({ type }) => type === 'turn')
    for (const [id, { credentials }] of this.#byId) {
      if (knowsRelays || credentials === undefined) this.#byId.delete(id)
    }
    this.#add(relays)
  }

  /** Applies a change that the portal has told. A server that is told again is replaced. */
  change({ disconnected_ids, connected }: RelaysPresence): void {
    for (const id of disconnected_ids) this.#byId.delete(id)
    for (const { id } of connected) this.#byId.get(id)?.endpoints.splice(0)
    this.#add(connected)
    for (const [id, { endpoints }] of this.#byId) if (endpoints.length === 0) this.#byId.delete(id)
  }

  #add(relays: readonly Relay[]): void {
    for (const relay of relays) {
      const parts = splitEndpoint(relay.addr)
      const address = parts === undefined ? undefined : parseAddress(parts.address)
      if (parts === undefined || address === undefined) continue
      const endpoints = this.#byId.get(relay.id)?.endpoints ?? []
      endpoints.push(endpoint(formatAddress(address), parts.port))
      const credentials = relay.type === 'turn' ? { username: relay.username, password: relay.password } : undefined
      const websocketUrl = relay.type === 'turn' ? relay.websocket_url : undefined
      this.#byId.set(relay.id, { endpoints, credentials, websocketUrl })
    }
  }
}

interface Server {
  endpoints: Endpoint[]
  /** Credentials at a relay; undefined for a STUN server. */
  credentials: OfferedRelay['credentials'] | undefined
  websocketUrl: string | undefined
}
