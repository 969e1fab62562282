import type { UnixTime } from '../runtime/time.ts'

/**
 * Who somebody is. A provider leads a browser through steps until it can name the person, or refuses.
 *
 * It keeps nothing between steps: what it needs later travels in `keep`, which the portal seals into a short-lived cookie of
 * the browser that began, and hands back. `settings` have been validated by the plugin's schema. Every call has a deadline
 * (`signal`); a rejected promise is a failure of this provider only, shown to the person as such, and logged.
 */
export interface IdentityProvider<Settings = unknown, Keep = KeptState> {
  // Properties of function type: methods are compared both ways, and let an implementation for other settings through.
  readonly begin: (request: SignInRequest<Settings>) => Promise<SignInStep<Keep>>
  readonly proceed: (reply: SignInReply<Settings, Keep>) => Promise<SignInStep<Keep>>
}

export interface SignInRequest<Settings = unknown> {
  settings: Settings
  /** Address that the provider shall send the browser back to: this provider's own. What comes back at another one is refused. */
  callbackUrl: string
  /**
   * Address that all providers of the portal have in common, for a provider where it is registered already. Only for one that names
   * itself in its answer (`iss`, RFC 9207), which the plugin has to check; the redirect says `atSharedCallback` then.
   */
  sharedCallbackUrl: string
  /** Whether the person wants to choose among her accounts at the provider, instead of the one that she is signed in to there. */
  chooseAccount?: boolean
  now: UnixTime
  signal: AbortSignal
  desk: SignInDesk
}

/** What the portal does for a provider while somebody signs in. Everything is this account's and this provider's own. */
export interface SignInDesk {
  /** Whether an enabled person has this address. Never let the person see the answer: who has an account is nobody's business. */
  knows: (email: string) => Promise<boolean>
  records: SignInRecords
  /**
   * Where the request comes from, for limits: an address of IPv4, or a network of 64 bits of IPv6. Equal text is the same place; several people
   * may share one.
   */
  asker: string
}

/** What has to be remembered on the portal's side: attempts that are counted, codes that are good once. */
export interface SignInRecords {
  /**
   * Reads a record and replaces it by what `work` makes of it, in one step: of several at once for one key, each sees what the one
   * before left. `key` has at most 200 characters; a record that is over is absent.
   */
  change: <T>(key: string, work: (record: KeptState | undefined) => RecordChange<T>) => Promise<T>
}

export interface RecordChange<T> {
  /** Absent: there is none from now on. At most 2 KiB as JSON. */
  record?: KeptState
  /** When the record is over; with a record only. */
  until?: UnixTime
  /** E-mail address whose holder the record is about: it is over, too, when the address becomes somebody else's or she is disabled. */
  about?: string
  /** What `change` gives back. */
  result: T
}

export interface SignInReply<Settings = unknown, Keep = KeptState> extends SignInRequest<Settings> {
  /** State that the step before asked to keep, from the same browser, validated by the declared schema `keep`. */
  keep: Keep
  /** The whole URL that the browser came back to. */
  url: string
  /** The form's fields, where the step before was a prompt. */
  fields: Readonly<Record<string, string>>
}

/** At most 2 KiB as JSON. */
export type KeptState = Readonly<Record<string, string | number | boolean>>

export type SignInStep<Keep = KeptState> =
  /** `atSharedCallback`: the browser comes back to `sharedCallbackUrl`, and is refused anywhere else. */
  | { type: 'redirect'; url: string; keep: Keep; atSharedCallback?: boolean }
  /** `keptMs`: for how long the browser may come back with an answer; 5 minutes by default, at most 15. */
  | { type: 'prompt'; prompt: SignInPrompt; keep: Keep; keptMs?: number }
  | { type: 'identified'; identity: Identity }
  | { type: 'refused'; refusal: Refusal }

/** A form, which the portal renders in its own style. */
export interface SignInPrompt {
  title: string
  text: string
  /** What was wrong with the last answer, if anything was. */
  problem?: string
  fields: readonly SignInField[]
  submit: string
  /** A second button, which answers with the field `also=yes` and needs none of the others: `Send a new code`. */
  also?: string
}

export interface SignInField {
  name: string
  label: string
  type: 'text' | 'email' | 'password' | 'code'
}

/**
 * A proven identity. (`issuer`, `subject`) is what identifies; an e-mail address links to an actor only if it is verified. Where the
 * subject is the address itself, the identity ends as soon as the actor has another one.
 */
export interface Identity {
  issuer: string
  subject: string
  name?: string
  email?: string
  emailVerified: boolean
  /** Why there is no address, or none that is verified: for the operator, in the log and the trail. */
  emailDoubt?: string
}

export interface Refusal {
  /** Stable, for logs and tests: `state_mismatch`, `access_denied`, `signature_invalid` … */
  code: string
  /** What to tell the person: what went wrong and what to do. Names no secret. */
  publicText: string
  /** What to tell the operator, in the log. */
  detail?: string
  /** Whether beginning anew may well succeed, as right after a provider rotated its keys. */
  tryAgain: boolean
  /** Whether nobody can sign in by this provider until somebody mends it: an admin is shown the way in by an emergency code. */
  providerFails?: boolean
}
