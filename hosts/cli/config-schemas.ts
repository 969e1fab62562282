// Schemas of the hosts' configurations. They are loaded where one is needed: help, the version and questions to a running
// host need none, and zod takes as long as all else that such a command loads.
import type { ClientConfig } from '../client/config.ts'
import type { GatewayConfig } from '../gateway/config.ts'
import type { PortalConfig } from '../portal/config.ts'
import type { RelayConfig } from '../relay/config.ts'

/** Loads the schema of a client's configuration. */
export const clientSchema = async (): Promise<typeof ClientConfig> => (await import('../client/config.ts')).ClientConfig

/** Loads the schema of a gateway's configuration. */
export const gatewaySchema = async (): Promise<typeof GatewayConfig> =>
  (await import('../gateway/config.ts')).GatewayConfig

/** Loads the schema of a portal's configuration. */
export const portalSchema = async (): Promise<typeof PortalConfig> => (await import('../portal/config.ts')).PortalConfig

/** Loads the schema of a relay's configuration. */
export const relaySchema = async (): Promise<typeof RelayConfig> => (await import('../relay/config.ts')).RelayConfig
