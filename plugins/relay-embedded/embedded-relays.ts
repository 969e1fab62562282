import {
  SECOND,
  type ProvidedRelay,
  type RegisteredRelays,
  type RelayCredentials,
  type RelayCredentialsQuestion,
  type RelayProvider,
} from 'portreeve'
import { saltWithAccount, stampedRelayPassword } from 'portreeve/crypto'

/** Relay provider of the relays that have registered at the portal. Each has a stamp secret, from which passwords follow. */
export class EmbeddedRelays implements RelayProvider {
  readonly #registered: RegisteredRelays

  constructor({ registered }: { registered: RegisteredRelays }) {
    this.#registered = registered
  }

  relays(): ProvidedRelay[] {
    return this.#registered.list().map(({ id, name, endpoints, websocketUrl, accountId, isHere }) => ({
      id,
      name,
      endpoints,
      websocketUrl,
      accountId,
      isKnownPresent: isHere,
    }))
  }

  credentials({ relayId, salt, accountId, expiresAt }: RelayCredentialsQuestion): RelayCredentials {
    const relay = this.#registered.list().find(({ id }) => id === relayId)
    if (relay === undefined) throw new Error(`no relay ${relayId} has registered`)
    const stampSecret = relay.stampSecret.reveal()
    const named = accountId === undefined ? salt : saltWithAccount({ salt, accountId, stampSecret })
    const username = `${Math.floor(expiresAt / SECOND)}:${named}`
    const password = stampedRelayPassword({ username, stampSecret })
    if (password === undefined) throw new Error(`the user name ${username} has another form`)
    return { username, password }
  }

  watch(changed: () => void): () => void {
    return this.#registered.watch(changed)
  }
}
