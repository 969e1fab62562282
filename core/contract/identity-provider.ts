import type { UnixTime } from '../runtime/time.ts'

/**
 * Identifies the person who signs in: leads the browser through steps until the provider can name the person, or
 * refuses.
 *
 * A provider keeps no state in memory between steps. State for a later step travels in `keep`: the portal seals it into
 * a short-lived cookie of the browser that began the sign-in, and hands it back with the next step. The plugin's schema
 * has validated `settings`. Every call has a deadline (`signal`). A rejected promise is a failure of this provider
 * only: the portal tells the person, and logs it.
 */
export interface IdentityProvider<Settings = unknown, Keep = KeptState> {
  // Properties, as the compiler compares parameters of methods both ways and would accept an implementation for other
  // settings.
  /** Answers the first request of a sign-in. */
  readonly begin: (request: SignInRequest<Settings>) => Promise<SignInStep<Keep>>
  /** Answers the browser's return from the step before, a redirect or a prompt. */
  readonly proceed: (reply: SignInReply<Settings, Keep>) => Promise<SignInStep<Keep>>
  /**
   * Ends the person's session at the provider, after the portal has ended its own; absent: a sign-out ends the portal's
   * session only.
   */
  readonly signOut?: ((request: SignOutRequest<Settings>) => Promise<SignOutStep>) | undefined
}

/** Request that begins a sign-in. */
export interface SignInRequest<Settings = unknown> {
  settings: Settings
  /**
   * URL of this provider alone that a redirect has to lead the browser back to. The portal refuses a return at another
   * URL.
   */
  callbackUrl: string
  /**
   * Callback URL that all providers of the portal share, for a service where only that one is registered. Use it only
   * if the service names itself in its answer (`iss`, RFC 9207) and the plugin checks that; the redirect then sets
   * `atSharedCallback`.
   */
  sharedCallbackUrl: string
  /**
   * Whether the person wants to choose an account at the provider, instead of the one that the browser is signed in to
   * there.
   */
  chooseAccount?: boolean
  now: UnixTime
  /** Aborts when the portal does not wait for the answer any longer. */
  signal: AbortSignal
  desk: SignInDesk
}

/**
 * Services of the portal for a provider during a sign-in. Persons and records are those of this account and this
 * provider.
 */
export interface SignInDesk {
  /**
   * Tells whether an enabled person of the account has this e-mail address. Never show the answer in the browser: it
   * would tell a stranger who has an account.
   */
  knows: (email: string) => Promise<boolean>
  records: SignInRecords
  /**
   * Source of the request, to limit attempts by: an IPv4 address, or an IPv6 network of 64 bits. Several people may
   * share one. Compare it as text.
   */
  asker: string
  /**
   * Tells a step of this sign-in to an admin who tests the provider on the portal's page; in any other sign-in the portal
   * forgets it. A step counts as done once another follows or the person is identified, and as failed if the provider
   * refuses after it. Without notes, the page still shows the redirect, the return and the identity.
   */
  note: (note: SignInNote) => void
}

/**
 * Step of a sign-in for the admin who tests the provider. It has no secrets, codes and tokens: the portal takes out
 * those that it knows. It shows 60 steps and 50 claims at most, and cuts long values.
 */
export interface SignInNote {
  /** Step as one sentence, such as `The token endpoint is asked for the tokens.` */
  text: string
  /** Values that are sent, by name. */
  sent?: Readonly<Record<string, JsonValue>>
  /** Values that came, by name. */
  came?: Readonly<Record<string, JsonValue>>
  /** All statements about the person that came, used or not. */
  claims?: readonly NotedClaim[]
}

/** Statement of a provider's service about a person, under the name that the service gives it. */
export interface NotedClaim {
  name: string
  value: JsonValue
  /** Member of the identity that it becomes; absent if the provider does not use it. */
  becomes?: 'issuer' | 'subject' | 'name' | 'email' | 'emailVerified' | 'groups' | 'claims' | 'authentication'
}

/** Records that the portal keeps for a provider, such as counted attempts and codes that may be used once. */
export interface SignInRecords {
  /**
   * Reads a record and replaces it by the one that `work` returns, atomically: concurrent changes of one key run one
   * after the other. `key` has at most 200 characters. `work` is given undefined if there is no record, or if its time
   * is over. Rejects if a record is too long, or has no end.
   */
  change: <T>(key: string, work: (record: KeptState | undefined) => RecordChange<T>) => Promise<T>
}

/** Result of changing a record. */
export type RecordChange<T> = NewRecord & {
  /**
   * E-mail address of the person that the record is about. The record also ends when she is disabled or the address
   * becomes another person's.
   */
  about?: string
  /** Value that `change` resolves to. */
  result: T
}

/** Content that a record gets: at most 2 KiB as JSON, kept until a time, as every record ends; or its removal. */
type NewRecord = { record: KeptState; until: UnixTime } | { record?: undefined; until?: undefined }

/** Return of the browser from a redirect or a prompt. */
export interface SignInReply<Settings = unknown, Keep = KeptState> extends SignInRequest<Settings> {
  /** State that the step before kept for the same browser, validated by the plugin's schema for `keep`. */
  keep: Keep
  /** Whole URL that the browser came back to. */
  url: string
  /** Fields of the form by name, if the step before was a prompt; empty otherwise. */
  fields: Readonly<Record<string, string>>
}

/** Plain values that the portal keeps for a provider; at most 2 KiB as JSON. */
export type KeptState = Readonly<Record<string, string | number | boolean>>

/** Answer of a provider: the next step of the sign-in, or its end. */
export type SignInStep<Keep = KeptState> =
  /**
   * Sends the browser to `url`. A query parameter `state` of `url` has to come back in the callback's query: the portal
   * finds the sign-in by it. Without one, a browser has one sign-in with such providers at a time. `atSharedCallback`:
   * it comes back to `sharedCallbackUrl`, and is refused anywhere else.
   */
  | { type: 'redirect'; url: string; keep: Keep; atSharedCallback?: boolean }
  /** Shows a form. The portal accepts an answer for `keptMs` milliseconds: 5 minutes by default, at most 15. */
  | { type: 'prompt'; prompt: SignInPrompt; keep: Keep; keptMs?: number }
  | { type: 'identified'; identity: Identity }
  | { type: 'refused'; refusal: Refusal }

/** Form that the portal shows in its own style. */
export interface SignInPrompt {
  title: string
  text: string
  /** Problem with the previous answer, for the person; absent if there was none. */
  problem?: string
  fields: readonly SignInField[]
  /** Label of the button that sends the form. */
  submit: string
  /**
   * Label of a second button, such as `Send a new code`. It sends the field `also=yes`, and other fields may be empty.
   */
  also?: string
}

/** Input field of a prompt. */
export interface SignInField {
  name: string
  label: string
  type: 'text' | 'email' | 'password' | 'code'
}

/**
 * Proven identity of a person. The pair (`issuer`, `subject`) identifies; `email` links the identity to an actor only
 * if it is verified. If `subject` is the e-mail address itself, the identity ends when the actor gets another address.
 */
export interface Identity {
  issuer: string
  subject: string
  name?: string
  email?: string
  emailVerified: boolean
  /** Reason why `email` is absent or unverified, for the operator: in the log and the audit trail. */
  emailDoubt?: string
  /**
   * Groups of the person at the provider, by its names or ids: at most 1,000 of 256 characters each. They are kept apart
   * from the account's groups. Absent: unknown, which is not the same as an empty list.
   */
  groups?: readonly string[]
  /** Further claims about the person by name, as plain JSON; together with `groups` at most 8 KiB. */
  claims?: Readonly<Record<string, JsonValue>>
  authentication?: Authentication
  /**
   * Text that `signOut` needs about this sign-in, such as an ID token: at most 4 KiB. The portal keeps it encrypted with
   * the browser's session and never shows it.
   */
  signOutHint?: string
}

/** Time and methods of a person's authentication at the provider. Leave out what the provider does not say. */
export interface Authentication {
  /** Time when the person last proved who she is; earlier than the sign-in if she was already signed in there. */
  at?: UnixTime
  /** Methods by the names of RFC 8176, such as `pwd`, `otp`, `hwk` or `mfa`: at most 20. */
  methods?: readonly string[]
}

/** Plain data, as JSON has it. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue }

/** Request that ends a person's session at the provider. */
export interface SignOutRequest<Settings = unknown> {
  settings: Settings
  /** URL of a page of the portal that the provider may lead the browser back to. */
  returnUrl: string
  /** Text that the sign-in's identity had as `signOutHint`; absent if it had none. */
  hint?: string
  now: UnixTime
  /** Aborts when the portal does not wait for the answer any longer. */
  signal: AbortSignal
}

/** Answer of a provider to a sign-out: `done` if the browser need not go there. */
export type SignOutStep = { type: 'redirect'; url: string } | { type: 'done' }

/** Reason why a provider does not identify the person. */
export interface Refusal {
  /** Stable code, for logs and tests: `state_mismatch`, `access_denied`, `signature_invalid` … */
  code: string
  /** Text for the person: what went wrong and what to do. Contains no secret. */
  publicText: string
  /** Text for the operator, in the log. */
  detail?: string
  /** Whether a new sign-in may well succeed, for example right after the service has rotated its keys. */
  tryAgain: boolean
  /**
   * Whether nobody can sign in with this provider until an operator repairs it. The page then offers admins the sign-in
   * by emergency code.
   */
  providerFails?: boolean
}
