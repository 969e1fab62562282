import { z } from 'zod'
import { relaySettings } from '../../relay/relay-settings.ts'

/** Settings of the relay in a portal's process; it listens where the STUN server would. */
export const EmbeddedRelayConfig = z.strictObject(relaySettings)
export type EmbeddedRelayConfig = z.infer<typeof EmbeddedRelayConfig>

/** Mbit/s that one account may send by default, of a relay that it shares with others and with the portal's own traffic. */
const DEFAULT_MBIT_PER_SECOND = 1_000

/** Returns settings with the limits of accounts that they do not name: no account fills up a relay that all share. */
export const sharedByAccounts = (config: EmbeddedRelayConfig): EmbeddedRelayConfig => ({
  ...config,
  per_account: {
    max_allocations: config.per_account.max_allocations ?? Math.ceil(config.max_allocations / 2),
    mbit_per_second: config.per_account.mbit_per_second ?? DEFAULT_MBIT_PER_SECOND,
  },
})
