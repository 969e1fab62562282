import { z } from 'zod'

export const Settings = z
  .strictObject({
    /** The provider's issuer; its discovery document is found below it. */
    issuer: z.url({ protocol: /^https?$/ }).max(500),
    client_id: z.string().min(1).max(500),
    /** Absent for a public client, which PKCE alone protects. */
    client_secret: z.string().min(1).max(2_000).meta({ writeOnly: true }).optional(),
    /** Beside `openid`, which is always asked for. */
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/))
      .max(50)
      .default(['profile', 'email']),
    /**
     * Sends browsers back to the portal's `/auth/oidc/callback`, as earlier versions did, where that is registered at the provider.
     * Refused where the provider does not name itself in its answers (RFC 9207).
     */
    shared_callback: z.boolean().default(false),
    /** Allows a provider without TLS: for a laboratory, never for the Internet. */
    allow_http: z.boolean().default(false),
  })
  .refine(({ issuer, allow_http }) => allow_http || issuer.startsWith('https:'), {
    path: ['issuer'],
    message: 'must be https, unless allow_http is set',
  })
export type Settings = z.infer<typeof Settings>
