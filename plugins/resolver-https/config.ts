import { isIP } from 'node:net'
import { z } from 'zod'

/** The operator's configuration; it may be left out altogether. */
export const Config = z
  .strictObject({
    /** The addresses of servers by their host name, before those that are built in. Without either the system's own name servers are asked. */
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
  .default({ bootstrap: {} })
export type Config = z.infer<typeof Config>
