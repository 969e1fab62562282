import { relayUsernameExpiry, stampedRelayPassword } from '../../core/crypto/relay-credentials.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import { SECOND, unixOf } from '../../core/runtime/time.ts'
import type { PasswordOf } from '../../core/turn/request-proof.ts'

/** Makes the function that derives passwords from a stamp secret, for user names that have not expired. */
export const stampedPasswords =
  (stampSecret: string, clock: Pick<Clock, 'pair'>): PasswordOf =>
  (username, now) => {
    const expiry = relayUsernameExpiry(username)
    if (expiry === undefined || expiry * SECOND <= unixOf(now, clock.pair())) return undefined
    return stampedRelayPassword({ username, stampSecret })
  }
