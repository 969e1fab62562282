import type { SignInRecords } from '../../../core/contract/identity-provider.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import type { Account, Change, Entities, EntityName, Rows } from './entities.ts'
import type { RecordScope } from './knex-sign-in-records.ts'

/**
 * Where a portal keeps its rows. Everything but `load`, `accountBySlug` and `createAccount` names an account, and sees and
 * touches that account's rows only: a foreign id is an absent one.
 */
export interface Store {
  /** Every row of every account: what a portal process begins with. Subscribe first, or miss what comes between. */
  load: () => Promise<Rows>
  /** From here on tells what is committed. What it returns ends the subscription. */
  subscribe: (subscriber: Subscriber) => () => void
  /** For readiness. @throws what the database, or the way to it, fails with */
  check: () => Promise<void>
  /** Why changes of other processes may be missed at the moment; undefined while they are heard of. */
  deafness: () => string | undefined
  /**
   * All or nothing. One transaction at a time, in the order of the calls: `work` must not call `transact` of the same store.
   * Each write is in the audit trail, and is told to the subscribers once it is committed, before the promise resolves.
   * @throws StoreError for what the rows do not allow, or where nobody could get in as an admin any more; what `work` throws, as it is. Either way nothing has happened.
   */
  transact: <T>(scope: Scope, work: (tx: Transaction) => Promise<T>) => Promise<T>
  /** Reads outside a transaction. */
  reader: (accountId: string) => Reader
  accountBySlug: (slug: string) => Promise<Account | undefined>
  /** @throws StoreError CONFLICT where the slug is taken. */
  createAccount: (account: { slug: string; name: string }, by: AuditSubject) => Promise<Account>
  /** Adds a decision, with its reasons, to the audit trail. */
  recordDecision: (accountId: string, decision: Decision) => Promise<void>
  /** Adds to the audit trail who signed in or out, and who was refused and why. */
  recordSignIn: (accountId: string, event: SignInEvent) => Promise<void>
  /** Adds to the audit trail that a call of the API was refused; or how often more, where `repeated` is not 0. */
  recordRefusedCall: (accountId: string, call: RefusedCall, repeated: number) => Promise<void>
  /** The latest decisions about one person's requests, newest first. */
  decisionsOf: (accountId: string, actorId: string, limit: number) => Promise<AuditRecord[]>
  /** The sessions of people at the portal itself: of all accounts, named by what only their browsers know. */
  readonly sessions: SessionRows
  /** The codes by which an admin gets in while no provider works: one at most per account. */
  readonly emergencyCodes: EmergencyCodes
  /** What a provider remembers of sign-ins under way: not in the audit trail, and over by itself. */
  signInRecords: (scope: RecordScope) => SignInRecords
  /** The audit trail, newest first. */
  auditLog: (accountId: string, asked: Page & AuditFilter) => Promise<AuditRecord[]>
  /** Removes the oldest records of these kinds, as many as the limit says, and writes that down. How many there were. */
  removeAudit: (accountId: string, which: OldAudit) => Promise<number>
  accountIds: () => Promise<string[]>
  /** The value by which the secret key of this database's portals is recognised: the given one, where there was none yet. */
  keyCheck: (ours: string) => Promise<string>
  close: () => Promise<void>
}

export interface Subscriber {
  /**
   * Committed changes, a transaction at a time and in the order of the commits. Another process's have no `before`; those of
   * `portal init` beside an embedded database come with the next write of this process.
   */
  changed: (changes: readonly Change[]) => void
  /** In place of changes that nobody knows any more: every row as it is. What is told afterwards was committed afterwards. */
  reloaded: (rows: Rows) => void
}

export interface SessionRows {
  get: (id: string) => Promise<SessionRow | undefined>
  put: (id: string, row: SessionRow) => Promise<void>
  remove: (id: string) => Promise<void>
  /** One person's that are not over, at most 100. */
  listOf: (owner: SessionOwner, now: UnixTime) => Promise<NamedSession[]>
  /** Ends one of her own; false where there is none. */
  removeOf: (owner: SessionOwner, id: string) => Promise<boolean>
  removeExpired: (now: UnixTime) => Promise<void>
}

export interface SessionOwner {
  accountId: string
  actorId: string
}

export interface SessionRow {
  /** JSON. */
  data: string
  expiresAt: UnixTime
  /** Whose it is; absent while nobody has signed in. */
  owner?: SessionOwner
}

export interface NamedSession extends SessionRow {
  id: string
}

export interface EmergencyCodes {
  /** Replaces the account's one, if there is any. */
  put: (accountId: string, code: EmergencyCode) => Promise<void>
  /** The code that fits, which is used up by that. Wrong guesses leave it as it is: it is too long to be guessed. */
  take: (accountId: string, fits: (code: EmergencyCode) => boolean, now: UnixTime) => Promise<EmergencyCode | undefined>
}

export interface EmergencyCode {
  actorId: string
  hash: string
  expiresAt: UnixTime
}

/** What happened at the portal's door. */
export interface SignInEvent {
  at: UnixTime
  action: 'signed_in' | 'refused' | 'signed_out' | 'emergency_code_made'
  /** A stable code: how, or why not. */
  reason: string
  by: AuditSubject
  actorId: string | null
  identityProviderId: string | null
  /** What the operator is to know of it. */
  detail?: string
  /** Whom the provider took her for, where it said so: what an identity is made of by hand. */
  identity?: { issuer: string; subject: string; email: string | null; emailVerified: boolean }
  /** Of a refusal: how many like it there were within a minute after another one that has its own record. */
  repeated?: number
  /** The other end's address; null on the portal's own command line. */
  remoteIp: string | null
}

export interface Scope {
  accountId: string
  /** Read once the work is done: a peer's row, who does it, is found by the work itself. */
  by: AuditSubject
}

/** Who did it. */
export type AuditSubject =
  | ({ type: 'actor'; actorId: string; via: 'api' | 'session' | 'sign_in' } & From)
  | ({ type: 'client'; clientId: string } & From)
  | ({ type: 'gateway'; gatewayId: string } & From)
  | ({ type: 'system'; part: string } & From)

/** A call of the API by a token of this portal that was refused. */
export interface RefusedCall {
  at: UnixTime
  by: AuditSubject
  method: string
  path: string
  status: number
  /** Stable: the problem's code. */
  code: string
  remoteIp: string
}

/** By which token, and from which address; absent where there is none. */
interface From {
  tokenId?: string
  remoteIp?: string
}

export interface Reader {
  get: <Name extends EntityName>(name: Name, id: string) => Promise<Entities[Name] | undefined>
  /** Oldest first; ties by id. Without a limit: all. */
  list: <Name extends EntityName>(name: Name, query?: Query<Name>) => Promise<Entities[Name][]>
}

export interface Query<Name extends EntityName> extends Partial<Page> {
  /** Columns that must equal these values. */
  where?: Partial<Entities[Name]>
}

export interface Page {
  after?: Position | undefined
  limit: number
}

/** Where a page ends: the last row's. */
export interface Position {
  createdAt: UnixTime
  id: string
}

export interface Transaction extends Reader {
  insert: <Name extends WritableName>(name: Name, row: Draft<Name>) => Promise<Entities[Name]>
  /** Undefined where there is no such row. A patch that changes nothing leaves no trace. */
  patch: <Name extends EntityName>(name: Name, id: string, patch: Patch<Name>) => Promise<Entities[Name] | undefined>
  /** Removes a row with all that hangs on it, and returns it; undefined where there is none. */
  remove: <Name extends WritableName>(name: Name, id: string) => Promise<Entities[Name] | undefined>
  /** Ends sessions at the portal itself: a person's, or those that a provider led to. */
  endSessions: (of: { actorId: string } | { identityProviderId: string }) => Promise<void>
  /** Forgets what providers remember of sign-ins under way: of the holder of an address, or everything of a provider. */
  endSignInsUnderWay: (of: { about: string } | { identityProviderId: string }) => Promise<void>
  /** A pair of tunnel addresses that no client or gateway of the account has: for the row about to be inserted. */
  allocateAddresses: () => Promise<TunnelAddresses>
}

export interface TunnelAddresses {
  ipv4: string
  ipv6: string
}

export type WritableName = Exclude<EntityName, 'accounts'>

/** A row to be: the account is the scope's, the time of creation is now, and the id is drawn where none is given. */
export type Draft<Name extends EntityName> = Omit<Entities[Name], 'id' | 'accountId' | 'createdAt'> & { id?: string }

export type Patch<Name extends EntityName> = Partial<Omit<Entities[Name], 'id' | 'accountId' | 'createdAt'>>

/** What the portal decided about a request for access. */
export interface Decision {
  at: UnixTime
  verdict: 'granted' | 'denied'
  /** The one code that the client is told, or `granted`. */
  reason: string
  actorId: string | null
  clientId: string | null
  gatewayId: string | null
  resourceId: string | null
  policyId: string | null
  /** Each policy considered, each condition, its facts and verdict: as JSON, without secrets. */
  details: unknown
}

export type AuditKind = 'change' | 'decision' | 'sign_in' | 'api_call'

/** Which records of the audit trail: those to which all of it applies. */
export interface AuditFilter {
  kind?: AuditKind | undefined
  /** Who made the change, or whose request or sign-in it is about. */
  actorId?: string | undefined
  /** The row that it is about. */
  entityId?: string | undefined
  /** The first moment, and the first that is too late. */
  since?: UnixTime | undefined
  until?: UnixTime | undefined
}

export interface OldAudit {
  kinds: readonly AuditKind[]
  before: UnixTime
  limit: number
}

export interface AuditRecord {
  id: string
  accountId: string
  createdAt: UnixTime
  kind: AuditKind
  /** created, updated, removed; granted, denied; signed_in, refused, signed_out, emergency_code_made; refused. */
  action: string
  /** The collection and row that it is about. */
  entity: string
  entityId: string | null
  by: AuditSubject
  /** A change: `{before, after}` of the changed columns, secrets as `[secret]` or `[secret, changed]`. Anything else: itself. */
  details: unknown
}
