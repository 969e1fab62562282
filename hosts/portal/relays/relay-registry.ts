import type { RegisteredRelay, RegisteredRelays } from '../../../core/runtime/registered-relays.ts'
import { endpoint } from '../../../core/runtime/endpoint.ts'
import { Secret } from '../../../core/runtime/secret.ts'

/** Relay that registers: at the portal's `/relay/websocket`, or in its own process. */
export interface RelayRegistration {
  /** UUID in lower case, the same for as long as the stamp secret is. */
  id: string
  /** Name for people. */
  name: string
  ipv4?: string | undefined
  ipv6?: string | undefined
  /** UDP port, of both families. */
  port: number
  /** Secret from which the passwords of peers are derived. */
  stampSecret: string
  /** URL of a WebSocket that carries the same datagrams. */
  websocketUrl?: string | undefined
  /** Id of the account whose peers alone may use it; absent: all accounts. */
  accountId?: string | undefined
  /** Whether it runs in this process, and so is present without a probe. */
  isHere?: boolean | undefined
}

/** Handle of a registered relay. */
export interface RegistrationHandle {
  /** Ends the registration; does nothing if another one has replaced it. */
  gone: () => void
}

interface Entry {
  relay: RegisteredRelay
  replaced: () => void
}

/**
 * Relays that have registered at this portal process. A relay replaces an older one of the same account that has its id or one
 * of its endpoints: that was the same relay before its restart.
 */
export class RelayRegistry implements RegisteredRelays {
  readonly #entries = new Set<Entry>()
  readonly #watchers = new Set<() => void>()

  /** Adds a relay. `replaced` is called when a newer registration takes its place. */
  registered(registration: RelayRegistration, replaced: () => void = () => undefined): RegistrationHandle {
    const { id, name, ipv4, ipv6, port, stampSecret, websocketUrl, accountId, isHere = false } = registration
    const endpoints = [ipv4, ipv6].filter((each) => each !== undefined).map((address) => endpoint(address, port))
    const relay = { id, name, endpoints, stampSecret: new Secret(stampSecret), websocketUrl, accountId, isHere }
    const entry: Entry = { relay, replaced }
    const older = [...this.#entries].filter((each) => isSame(each.relay, relay))
    for (const each of older) this.#entries.delete(each)
    this.#entries.add(entry)
    for (const each of older) each.replaced()
    this.#tell()
    return {
      gone: () => {
        if (this.#entries.delete(entry)) this.#tell()
      },
    }
  }

  list(): readonly RegisteredRelay[] {
    return [...this.#entries].map(({ relay }) => relay)
  }

  /** Whether a plugin offers the registered relays to peers. */
  get isWatched(): boolean {
    return this.#watchers.size > 0
  }

  watch(changed: () => void): () => void {
    const watcher = (): void => changed()
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher()
  }
}

const isSame = (a: RegisteredRelay, b: RegisteredRelay): boolean =>
  a.accountId === b.accountId && (a.id === b.id || a.endpoints.some((each) => b.endpoints.includes(each)))
