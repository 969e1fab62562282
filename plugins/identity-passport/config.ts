import { readEmailDomain, z } from 'portreeve'

const Member = z.string().min(1).max(200)
const WebAddress = z.url({ protocol: /^https?$/ }).max(1_000)

const Form = z.strictObject({
  title: z.string().min(1).max(200).default('Sign in'),
  /** Text of the first page, which has the first field. The others are on a second page. */
  text: z.string().min(1).max(1_000).default('Enter your name.'),
  /** Fields of the form; the strategy finds them in the request's body by their names. */
  fields: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[\w.-]{1,100}$/),
        label: z.string().min(1).max(200),
        type: z.enum(['text', 'email', 'password', 'code']).default('text'),
      }),
    )
    .min(1)
    .max(10)
    .default([
      { name: 'username', label: 'Name', type: 'text' },
      { name: 'password', label: 'Password', type: 'password' },
    ]),
  /** Methods of the authentication by the names of RFC 8176. */
  methods: z.array(z.string().min(1).max(100)).max(20).default(['pwd']),
})

/** Algorithms of ID tokens: signatures with a pair of keys only, since the client's secret proves nothing to others. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const

const IdToken = z.strictObject({
  issuer: WebAddress,
  /** URL of the issuer's keys. */
  jwks_uri: WebAddress,
  /** Client id in the token; by default the option `clientID`. */
  audience: z.string().min(1).max(500).optional(),
  algorithms: z
    .array(z.enum(ALGORITHMS))
    .min(1)
    .default([...ALGORITHMS]),
})

/** Names of the members of a strategy's profile, or of claims, that the identity is made of. */
const Profile = z.strictObject({
  /** Member that identifies the person for good. */
  subject: Member.optional(),
  name: Member.default('displayName'),
  /** Member with the e-mail address; by default the profile's first address, or `email`. */
  email: Member.optional(),
  /** Member that says whether the address is verified. */
  email_verified: Member.default('email_verified'),
  groups: Member.optional(),
  claims: z.array(Member).max(20).default([]),
})

const Strategy = z
  .strictObject({
    /** Name of the strategy's npm package, or the path of a module that begins with `./`, `../` or `/`. */
    package: z.string().regex(/^(?:(?:@[\w.~-]+\/)?[\w~-][\w.~-]*|\.{0,2}\/.+)$/),
    /** Name of the strategy's class in the package. */
    export: Member.default('Strategy'),
    /** Options of the class. */
    options: z.record(z.string(), z.json()).optional(),
    /** Options that are secrets: paths of files, mode 0600, by the option's name; dots lead into an option. */
    secret_files: z.record(z.string(), z.string().min(1)).default({}),
    /** Options of each call of the strategy, such as `scope`. */
    authenticate: z.record(z.string(), z.json()).default({}),
    /** Option that the strategy takes its callback address by. */
    callback_option: Member.default('callbackURL'),
    /** Path of a module with a function `verify`, as Passport calls it. By default the strategy's profile is taken. */
    verify: z
      .string()
      .regex(/^\.{0,2}\/.+$/, 'has to begin with ./, ../ or /')
      .optional(),
    /** Name under which identities are kept; with a verified ID token its issuer. */
    issuer: z.string().min(1).max(512).optional(),
    /** Form for a strategy that reads a request's fields; absent for one that redirects. */
    form: Form.optional(),
    /**
     * How the ID token is verified around the strategy. `unused`: the strategy takes nothing from it.
     * `verified_by_strategy`: the strategy verifies signature and nonce itself.
     */
    id_token: z.union([z.enum(['unused', 'verified_by_strategy']), IdToken]).optional(),
    /** URL that tells about the person, to be asked with the access token. */
    userinfo_url: WebAddress.optional(),
    /** Authentication of the client at the token endpoint. */
    token_endpoint_auth_method: z.enum(['client_secret_post', 'client_secret_basic']).default('client_secret_post'),
    /** Whether PKCE is added to an authorization request that has none. */
    pkce: z.boolean().default(true),
    profile: Profile.prefault({}),
    /** Domains whose addresses count as verified where nothing says whether they are. */
    trusted_email_domains: z
      .array(
        z
          .string()
          .max(1_000)
          .refine((text) => readEmailDomain(text) !== undefined, 'is no domain'),
      )
      .max(100)
      .default([]),
  })
  .refine(({ issuer, id_token: idToken }) => issuer !== undefined || typeof idToken === 'object', {
    path: ['issuer'],
    message: 'has to be named where no ID token is verified: it is a part of each identity, and must not change',
  })
export type StrategyConfig = z.infer<typeof Strategy>
export type FormConfig = z.infer<typeof Form>
export type IdTokenConfig = z.infer<typeof IdToken>

export const Config = z.strictObject({
  /** Strategies by the key of the identity provider that each becomes: the `type` in the API. */
  strategies: z.record(
    z.string().regex(/^(?=.{1,63}$)[a-z][a-z\d]*(?:-[a-z\d]+)*$/, 'has to be lower case, words joined by dashes'),
    Strategy,
  ),
})
export type Config = z.infer<typeof Config>

/** State kept between steps. */
export const Kept = z.strictObject({
  /** The strategy's session as JSON. */
  session: z.string().optional(),
  /** `state` of the authorization request. */
  state: z.string().optional(),
  /** `nonce` that the ID token has to have. */
  nonce: z.string().optional(),
  /** PKCE verifier, if the strategy has none of its own. */
  verifier: z.string().optional(),
  /** Random name of a form, which signs in once. */
  form: z.string().optional(),
  /** Content of the form's first field. */
  name: z.string().optional(),
})
export type Kept = z.infer<typeof Kept>
