import { z } from 'zod'
import { relaySettings } from '../../relay/relay-settings.ts'

/** Settings of the relay in a portal's process; it listens where the STUN server would. */
export const EmbeddedRelayConfig = z.strictObject(relaySettings)
export type EmbeddedRelayConfig = z.infer<typeof EmbeddedRelayConfig>
