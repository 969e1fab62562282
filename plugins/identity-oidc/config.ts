import { readEmailDomain, z } from 'portreeve'

/** Parameters of the authorization request that are the protocol's, or have a setting of their own. */
const PROTOCOL_PARAMETERS = new Set([
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'code_challenge',
  'code_challenge_method',
  'dpop_jkt',
  'id_token_hint',
  'login_hint',
  'nonce',
  'prompt',
  'redirect_uri',
  'registration',
  'request',
  'request_uri',
  'response_mode',
  'response_type',
  'scope',
  'state',
])

const Claim = z.string().regex(/^[\x21-\x7e]{1,200}$/)

export const Settings = z
  .strictObject({
    /** The provider's issuer; its discovery document is found below it. */
    issuer: z.url({ protocol: /^https?$/ }).max(500),
    /** Another one is another client, to whom people may be known by other subjects. */
    client_id: z.string().min(1).max(500).meta({ identifies: true }),
    /** Absent for a public client, which PKCE alone protects. */
    client_secret: z.string().min(1).max(2_000).meta({ writeOnly: true }).optional(),
    /** How the client shows its secret; by default as the discovery document says, and `client_secret_basic` where it says nothing. */
    token_endpoint_auth_method: z.enum(['client_secret_basic', 'client_secret_post']).optional(),
    /** Beside `openid`, which is always asked for. */
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/))
      .max(50)
      .default(['profile', 'email']),
    /** Claim that has the e-mail address. */
    email_claim: Claim.default('email'),
    /** Claim that vouches for the address, where it is true. Entra has `xms_edov`, where it is asked for. */
    verified_claim: Claim.default('email_verified'),
    /** Domains whose addresses count as verified where the provider says nothing: all of them are its own organisation's. */
    trusted_email_domains: z
      .array(
        z
          .string()
          .max(1_000)
          .refine((text) => readEmailDomain(text) !== undefined, 'is no domain'),
      )
      .max(100)
      .default([]),
    /** What the provider is to ask the person, though she may be signed in there. */
    prompt: z.enum(['login', 'consent', 'select_account']).optional(),
    /** What the provider is to write into its form. */
    login_hint: z.string().min(1).max(320).optional(),
    /** Further parameters of the authorization request, as `hd` or `acr_values`. */
    parameters: z
      .record(
        z
          .string()
          .regex(/^[A-Za-z0-9_.:-]{1,100}$/)
          .refine((name) => !PROTOCOL_PARAMETERS.has(name.toLowerCase()), 'is not for this setting'),
        z.string().max(1_000),
      )
      .default({}),
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
  .refine(({ issuer, trusted_email_domains: domains }) => domains.length === 0 || !EVERY_TENANT.test(issuer), {
    path: ['trusted_email_domains'],
    message: 'must be empty for an issuer of every tenant: any tenant’s admin may write any address',
  })
export type Settings = z.infer<typeof Settings>

/** State between the steps. */
export const Kept = z.strictObject({ verifier: z.string(), state: z.string(), nonce: z.string() })
export type Kept = z.infer<typeof Kept>

/** Microsoft's issuers for whoever has an account anywhere. */
const EVERY_TENANT = /^https?:\/\/login\.microsoftonline\.[a-z.]+\/(?:common|organizations|consumers)(?:\/|$)/i
