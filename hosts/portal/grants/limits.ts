import { z } from 'zod'
import { HOUR, SECOND } from '../../../core/runtime/time.ts'

const atMost = (normal: number, most = 10_000_000) => z.int().min(1).max(most).default(normal)

/** Times after which grants end by themselves: the `grants` section of a portal's configuration. */
export const GrantsConfig = z
  .strictObject({
    /** Seconds for which a grant that depends on the client's address outlives the client's connection. */
    after_connection_seconds: z.int().min(10).max(86_400).default(180),
    /** Hours for which any grant outlives the client's connection: a device that left for good keeps none. */
    after_absence_hours: z.int().min(1).max(8_760).default(24),
  })
  .prefault({})

/** Limits per device, actor, site and account: the `limits` section of a portal's configuration. */
export const LimitsConfig = z
  .strictObject({
    devices_per_actor: atMost(1_000),
    devices_per_account: atMost(20_000),
    gateways_per_site: atMost(1_000),
    /** Maximum of clients' connections, joined or not. */
    connections_per_actor: atMost(1_000),
    connections_per_account: atMost(20_000),
    grants_per_device: atMost(1_000),
    grants_per_actor: atMost(10_000),
    /**
     * Maximum of grants at one gateway, which receives all of them in one message of at most 8 MiB when it connects.
     */
    grants_per_gateway: atMost(50_000, 60_000),
    grants_per_account: atMost(500_000),
    /** Connects of one device or gateway per minute; the burst after a silence is five times as many. */
    connects_per_minute: atMost(12),
    /** Requests of one device for new grants per minute; the burst after a silence is five times as many. */
    requests_per_minute: atMost(60),
    /** Bytes buffered for a peer that does not read; the message being sent may exceed it. */
    unsent_kib_per_connection: atMost(1_024),
    /** Larger than a client's, because a gateway is told of each client that comes to it, perhaps of all at once. */
    unsent_kib_per_gateway: atMost(16_384),
    unsent_kib_per_actor: atMost(16_384),
    unsent_kib_per_account: atMost(131_072),
    /**
     * Audit records per minute of denials of one device, and of refused sign-ins to one account; further ones are
     * counted in one record.
     */
    records_per_minute: atMost(30),
  })
  .prefault({})

/** Limits and times in the form that the control channel uses. */
export type Limits = z.infer<typeof LimitsConfig> & {
  /** Milliseconds for which the address of a disconnected client counts. */
  placeMs: number
  /** Milliseconds for which grants of a disconnected client last. */
  absenceMs: number
}

/** Returns the limits of a portal's configuration. */
export const limitsOf = (config: {
  limits: z.infer<typeof LimitsConfig>
  grants: z.infer<typeof GrantsConfig>
}): Limits => ({
  ...config.limits,
  placeMs: config.grants.after_connection_seconds * SECOND,
  absenceMs: config.grants.after_absence_hours * HOUR,
})

/** Limits of an empty configuration. */
export const DEFAULT_LIMITS: Limits = limitsOf({ limits: LimitsConfig.parse({}), grants: GrantsConfig.parse({}) })
