import { z } from 'portreeve'

export const Config = z.strictObject({
  smtp: z.strictObject({
    host: z.string().min(1),
    /** Port of the mail server; usually 465 with `tls: always`, else 587 or 25. */
    port: z.int().min(1).max(65535).default(587),
    /**
     * `always`: TLS from the first byte. `starttls`: STARTTLS, which the server must offer. `never`: no TLS, for a
     * laboratory.
     */
    tls: z.enum(['always', 'starttls', 'never']).default('starttls'),
    /** User name; if absent, there is no authentication. */
    user: z.string().min(1).optional(),
    /** Path of a file, mode 0600, with the password; relative to the configuration file's folder. */
    password_file: z.string().min(1).optional(),
  }),
  /** Sender of the mails: `Portreeve <portreeve@example.org>`. */
  from: z.string().min(3).max(320),
})
export type Config = z.infer<typeof Config>

/** State kept between steps of a sign-in: address and id of the code; both absent until a code was requested. */
export const Kept = z.strictObject({ address: z.string().optional(), challenge: z.string().optional() })
export type Kept = z.infer<typeof Kept>
