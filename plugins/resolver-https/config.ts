import { isIP } from 'node:net'
import { z } from 'portreeve'

export const Config = z.strictObject({
  /**
   * Addresses of servers by host name; override the built-in ones. Other host names are looked up at the system's own
   * name servers.
   */
  bootstrap: z
    .record(
      z
        .string()
        .toLowerCase()
        .regex(/^[a-z0-9.-]{1,253}$/, 'a host name'),
      z
        .array(z.string().refine((text) => isIP(text) !== 0, 'not an address'))
        .min(1)
        .max(8),
    )
    .default({}),
})
export type Config = z.infer<typeof Config>
