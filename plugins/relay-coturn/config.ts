import { ServerAddress, z } from 'portreeve'

const Relay = z
  .strictObject({
    name: z.string().min(1).max(255).describe('Name for people'),
    addresses: z
      .array(ServerAddress)
      .min(1)
      .max(8)
      .describe('Addresses of the relay, as peers reach it: one of each family, usually'),
    port: z
      .int()
      .min(1)
      .max(65535)
      .default(3478)
      .describe('UDP port (coturn: listening-port). Released peers take answers from 3478 only'),
    secret_file: z
      .string()
      .min(1)
      .describe('File of mode 0600 with the secret that coturn shares (coturn: static-auth-secret)'),
    place: z
      .strictObject({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) })
      .optional()
      .describe('Place of the relay; by default that of its addresses in relays.places'),
    account_id: z
      .uuid()
      .toLowerCase()
      .optional()
      .describe('Account whose peers alone may use it; all accounts by default'),
  })
  .describe('One coturn that runs with use-auth-secret')

/** Configuration of the plugin. */
export const Config = z.strictObject({
  relays: z
    .array(Relay)
    .min(1)
    .max(64)
    .refine((relays) => new Set(relays.map(({ name }) => name)).size === relays.length, 'two relays have one name'),
})
export type Config = z.infer<typeof Config>
