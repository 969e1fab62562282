import { z } from 'portreeve'

export const Config = z.strictObject({
  smtp: z.strictObject({
    host: z.string().min(1),
    /** 465 with `tls`, else 587 or 25. */
    port: z.int().min(1).max(65535).default(587),
    /** `always`: TLS from the first byte; `starttls`: refused by a server that offers none; `never`: for a laboratory. */
    tls: z.enum(['always', 'starttls', 'never']).default('starttls'),
    /** Without a user there is no authentication. */
    user: z.string().min(1).optional(),
    /** A file of mode 0600 with the password, seen from the configuration file, so that it stands in no configuration. */
    password_file: z.string().min(1).optional(),
  }),
  /** The sender: `Portreeve <portreeve@example.org>`. */
  from: z.string().min(3).max(320),
})
export type Config = z.infer<typeof Config>

/** State between the steps: both are absent until a code was asked for. */
export const Kept = z.strictObject({ address: z.string().optional(), challenge: z.string().optional() })
export type Kept = z.infer<typeof Kept>
