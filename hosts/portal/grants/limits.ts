import { z } from 'zod'
import { HOUR, SECOND } from '../../../core/runtime/time.ts'

const atMost = (normal: number, most = 10_000_000) => z.int().min(1).max(most).default(normal)

/** When grants end without anybody's doing: the `grants` section of a portal's configuration. */
export const GrantsConfig = z
  .strictObject({
    /** How long a grant that rests on where a client connects from outlives the client's connection. */
    after_connection_seconds: z.int().min(10).max(86_400).default(180),
    /** How long any grant outlives the client's connection: a device that left for good keeps none. */
    after_absence_hours: z.int().min(1).max(8_760).default(24),
  })
  .prefault({})

/** How much one device, one actor and one account may take: the `limits` section of a portal's configuration. */
export const LimitsConfig = z
  .strictObject({
    devices_per_actor: atMost(1_000),
    devices_per_account: atMost(20_000),
    gateways_per_site: atMost(1_000),
    /** Connections of clients, joined or not. */
    connections_per_actor: atMost(1_000),
    connections_per_account: atMost(20_000),
    grants_per_device: atMost(1_000),
    grants_per_actor: atMost(10_000),
    /** Gateways take no more than 8 MiB at once, and are told all of theirs when they connect. */
    grants_per_gateway: atMost(50_000, 60_000),
    grants_per_account: atMost(500_000),
    /** Connects of one device or gateway: so many at once after a silence are five times as many. */
    connects_per_minute: atMost(12),
    /** Requests of one device that lead to a new grant; five times as many at once after a silence. */
    requests_per_minute: atMost(60),
    /** What may wait to be sent to a peer that does not read. What is being sent goes beyond it once. */
    unsent_kib_per_connection: atMost(1_024),
    /** A gateway is told of every client that comes to it, perhaps of all at once. */
    unsent_kib_per_gateway: atMost(16_384),
    unsent_kib_per_actor: atMost(16_384),
    unsent_kib_per_account: atMost(131_072),
    /** Records of denials of one device, and of refused sign-ins of one account; what goes beyond is counted in one more. */
    records_per_minute: atMost(30),
  })
  .prefault({})

/** The bounds and the times after which grants end, as the control channel needs them. */
export type Limits = z.infer<typeof LimitsConfig> & {
  /** How long the place of a client that is not connected counts, in milliseconds. */
  placeMs: number
  /** How long grants of a client that is not connected stand, in milliseconds. */
  absenceMs: number
}

/** Bounds of a portal's configuration. */
export const limitsOf = (config: {
  limits: z.infer<typeof LimitsConfig>
  grants: z.infer<typeof GrantsConfig>
}): Limits => ({
  ...config.limits,
  placeMs: config.grants.after_connection_seconds * SECOND,
  absenceMs: config.grants.after_absence_hours * HOUR,
})

/** Bounds where the configuration says nothing. */
export const DEFAULT_LIMITS: Limits = limitsOf({ limits: LimitsConfig.parse({}), grants: GrantsConfig.parse({}) })
