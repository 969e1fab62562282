import { ServerAddress, z } from 'portreeve'

/** Name server that the account or a configuration file names. */
export const Settings = z.strictObject({
  address: ServerAddress.describe('Address of the name server, IPv4 or IPv6'),
  port: z.int().min(1).max(65535).default(53),
})
export type Settings = z.infer<typeof Settings>
