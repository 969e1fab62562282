import type { Extensions } from '../../../core/contract/extension-point.ts'
import type { RelayCredentials, RelayProvider } from '../../../core/contract/relay-provider.ts'
import { MAX_RELAY_CREDENTIAL_CHARACTERS } from '../../../core/control/listed-relay.ts'
import type { Relay } from '../../../core/control/messages.ts'
import { SECOND, type UnixTime } from '../../../core/runtime/time.ts'
import type { PresentRelay } from '../decide/relay-choice.ts'

/** Peer that is told of a relay, and how. */
export interface ToldPeer {
  /** Public key, base64 of 32 bytes. */
  publicKey: string
  /** Unpadded base64 of the public key's SHA-256. */
  salt: string
  /** Id of the peer's account; undefined if the peer is not known any more. */
  accountId: string | undefined
  expiresAt: UnixTime
  /** Whether the peer reads `websocket_url`. */
  knowsWebsocket: boolean
}

/**
 * Returns the entries of a relay on the wire, one for each endpoint, with credentials of the peer's own; none if the plugin
 * fails to make them.
 */
export const relayEntries = (
  relay: PresentRelay,
  { publicKey, salt, accountId, expiresAt, knowsWebsocket }: ToldPeer,
  providers: Extensions<RelayProvider>,
): Relay[] => {
  const credentials = credentialsOf(providers, relay, { publicKey, salt, accountId, expiresAt })
  if (credentials === undefined) return []
  const { username, password } = credentials
  const { id, endpoints, websocketUrl } = relay
  return endpoints.map((addr) => ({
    type: 'turn',
    id,
    addr,
    username,
    password,
    expires_at: Math.floor(expiresAt / SECOND),
    ...(knowsWebsocket && websocketUrl !== undefined ? { websocket_url: websocketUrl } : {}),
  }))
}

const credentialsOf = (
  providers: Extensions<RelayProvider>,
  { provider, id: relayId }: PresentRelay,
  peer: Omit<ToldPeer, 'knowsWebsocket'>,
): RelayCredentials | undefined => {
  try {
    const made = providers.get(provider)?.value.credentials({ relayId, ...peer })
    return made !== undefined && isFit(made.username) && isFit(made.password) ? made : undefined
  } catch {
    // Logged and counted where the plugin is called; the peer is offered another relay.
    return undefined
  }
}

const isFit = (text: unknown): boolean =>
  typeof text === 'string' && text !== '' && text.length <= MAX_RELAY_CREDENTIAL_CHARACTERS
