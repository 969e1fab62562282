import {
  endpoint,
  SECOND,
  type ProvidedRelay,
  type RelayCredentials,
  type RelayCredentialsQuestion,
  type RelayProvider,
  type Secret,
  type SecretFiles,
} from 'portreeve'
import { coturnPassword, hashedUuid } from 'portreeve/crypto'
import type { Config } from './config.ts'

/**
 * Relay provider for coturn with `use-auth-secret`: a user name carries its expiry, and the password is its HMAC-SHA1 by the
 * shared secret.
 */
export class CoturnRelays implements RelayProvider {
  readonly #config: Config
  readonly #secretFiles: SecretFiles
  /** Secrets by relay id. */
  readonly #secrets = new Map<string, Secret>()
  readonly #relays: readonly ProvidedRelay[]

  constructor(config: Config, { secretFiles }: { secretFiles: SecretFiles }) {
    this.#config = config
    this.#secretFiles = secretFiles
    this.#relays = config.relays.map(({ name, addresses, port, place, account_id: accountId }) => {
      const endpoints = addresses.map((address) => endpoint(address, port))
      return { id: hashedUuid(`coturn ${name} ${endpoints.join(' ')}`), name, endpoints, place, accountId }
    })
  }

  /** Reads the secrets. @throws OperatorError for a file that is missing, empty, or that others may read */
  async start(): Promise<void> {
    for (const [at, { id }] of this.#relays.entries()) {
      const path = this.#config.relays[at]?.secret_file ?? ''
      const name = `relay-coturn: relays[${at}].secret_file`
      this.#secrets.set(id, await this.#secretFiles.read({ path, name }))
    }
  }

  relays(): readonly ProvidedRelay[] {
    return this.#relays
  }

  credentials({ relayId, salt, expiresAt }: RelayCredentialsQuestion): RelayCredentials {
    const secret = this.#secrets.get(relayId)
    if (secret === undefined) throw new Error(`there is no secret for the relay ${relayId}`)
    const username = `${Math.floor(expiresAt / SECOND)}:${salt}`
    return { username, password: coturnPassword({ secret: secret.reveal(), username }) }
  }
}
