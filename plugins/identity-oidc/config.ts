import { readEmailDomain, z } from 'portreeve'

/** Parameters of the authorization request that the protocol uses or that have a setting of their own. */
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
    /** Issuer URL of the provider, below which its discovery document is found. */
    issuer: z.url({ protocol: /^https?$/ }).max(500),
    /** Client id registered at the provider. A provider may give people other subjects for another client id. */
    client_id: z.string().min(1).max(500).meta({ identifies: true }),
    /** Client secret; absent for a public client, which is protected by PKCE alone. */
    client_secret: z.string().min(1).max(2_000).meta({ writeOnly: true }).optional(),
    /**
     * Client authentication; by default as the discovery document says, or `client_secret_basic` if it says nothing.
     */
    token_endpoint_auth_method: z.enum(['client_secret_basic', 'client_secret_post']).optional(),
    /** Scopes in addition to `openid`. */
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/))
      .max(50)
      .default(['profile', 'email']),
    /** Name of the claim with the e-mail address. */
    email_claim: Claim.default('email'),
    /** Name of the claim that says whether the address is verified. Entra's is the optional claim `xms_edov`. */
    verified_claim: Claim.default('email_verified'),
    /** Name of the claim with the person's groups: a list of texts, or one text. Without it groups are not read. */
    groups_claim: Claim.optional(),
    /** Names of further claims that conditions may read. No other claims are kept. */
    claims: z.array(Claim).max(20).default([]),
    /**
     * Domains of the provider's organisation, whose addresses count as verified if there is no claim of verification.
     */
    trusted_email_domains: z
      .array(
        z
          .string()
          .max(1_000)
          .refine((text) => readEmailDomain(text) !== undefined, 'is no domain'),
      )
      .max(100)
      .default([]),
    /** Prompt that the provider shall show even to a person who is signed in there. */
    prompt: z.enum(['login', 'consent', 'select_account']).optional(),
    /** Login name with which the provider fills in its form. */
    login_hint: z.string().min(1).max(320).optional(),
    /** Further parameters of the authorization request, such as `hd` or `acr_values`. */
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
     * Whether browsers return to the portal's `/auth/oidc/callback`, as in earlier versions, for a provider where that
     * is registered. Sign-ins are refused if the provider's answers do not name their issuer (RFC 9207).
     */
    shared_callback: z.boolean().default(false),
    /** Whether a provider without TLS is allowed: for a laboratory, never for the Internet. */
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

/** State kept between the redirect to the provider and the return. */
export const Kept = z.strictObject({ verifier: z.string(), state: z.string(), nonce: z.string() })
export type Kept = z.infer<typeof Kept>

/** Microsoft's issuers for the accounts of all tenants. */
const EVERY_TENANT = /^https?:\/\/login\.microsoftonline\.[a-z.]+\/(?:common|organizations|consumers)(?:\/|$)/i
