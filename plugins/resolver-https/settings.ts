import { ServerUrl, z } from 'portreeve'

/** Name server that the account or a configuration file names. */
export const Settings = z.strictObject({
  url: ServerUrl.describe('URL of the name server: https://dns.example.org/dns-query'),
})
export type Settings = z.infer<typeof Settings>
