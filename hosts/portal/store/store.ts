import type { AddressRangeTexts } from '../../../core/net/address-ranges.ts'
import type { SignInRecords } from '../../../core/contract/identity-provider.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import type { Account, Change, Entities, EntityName, Rows } from './entities.ts'
import type { Count, Filter, FindQuery, Found } from './find-query.ts'
import type { AccessFileRow } from './access-file-rows.ts'
import type { RecordScope } from './knex-sign-in-records.ts'

/**
 * The portal's database. All methods except `load`, `accountBySlug`, `createAccount` and `accountIds` name an account
 * and only see its rows: another account's id does not exist for them.
 */
export interface Store {
  /** Reads all rows of all accounts, when a process starts. Subscribe before, so as not to miss changes in between. */
  load: () => Promise<Rows>
  /**
   * Tells the subscriber about everything that is committed from here on. Returns a function that ends the
   * subscription.
   */
  subscribe: (subscriber: Subscriber) => () => void
  /** Checks readiness. @throws the database's error, or one about writes that wait too long */
  check: () => Promise<void>
  /** Whether other processes may change the rows that this one serves; what it has in memory lags behind those changes. */
  readonly isShared: boolean
  /** Returns why other processes' changes may be missed at the moment; undefined while none can be. */
  listenFailure: () => string | undefined
  /**
   * Runs `work` in a transaction. Transactions run one at a time, in the order of the calls: `work` must not call
   * `transact` of the same store. Each change is audited, and subscribers are told of it after the commit, before the
   * promise resolves.
   * @throws StoreError if the rows forbid it, or if nobody could get in as an owner any more; also whatever `work`
   * throws. Then nothing has changed.
   */
  transact: <T>(scope: Scope, work: (tx: Transaction) => Promise<T>) => Promise<T>
  /** Reads outside a transaction. */
  reader: (accountId: string) => Reader
  accountBySlug: (slug: string) => Promise<Account | undefined>
  /** Creates an account. @throws StoreError CONFLICT if the slug is taken */
  createAccount: (account: { slug: string; name: string }, by: AuditSubject) => Promise<Account>
  /** Adds a decision with its reasons to the audit trail. */
  recordDecision: (accountId: string, decision: Decision) => Promise<void>
  /** Adds a sign-in or sign-out, or a refused sign-in with the reason, to the audit trail. */
  recordSignIn: (accountId: string, event: SignInEvent) => Promise<void>
  /**
   * Adds a refused call of the API to the audit trail; if `repeated` is not 0, a record of that many further similar
   * calls.
   */
  recordRefusedCall: (accountId: string, call: RefusedCall, repeated: number) => Promise<void>
  /** Reads the latest decisions about one person's requests, newest first. */
  decisionsOf: (accountId: string, actorId: string, limit: number) => Promise<AuditRecord[]>
  /**
   * Browser sessions at the portal, of all accounts. A session's id is derived from a secret that only the browser has.
   */
  readonly sessions: SessionRows
  /** Codes with which an owner or admin signs in while no identity provider works; at most one per account. */
  readonly emergencyCodes: EmergencyCodes
  /** Choices of people about the pages for admins. */
  readonly pagePreferences: PagePreferences
  /** Keys by which calls of the API are carried out once. */
  readonly idempotencyKeys: IdempotencyKeys
  /** Returns the state that an identity provider keeps about unfinished sign-ins: not audited, and it expires. */
  signInRecords: (scope: RecordScope) => SignInRecords
  /** Reads the audit trail, newest first unless told otherwise. */
  auditLog: (accountId: string, asked: Page & AuditFilter & { isOldestFirst?: boolean }) => Promise<AuditRecord[]>
  /** Counts the records of the audit trail that match, up to `MOST_COUNTED`. */
  countAudit: (accountId: string, filter: AuditFilter) => Promise<Count>
  /**
   * Counts the records that match in periods of `length` ms from `since` on. Returns the counts by the periods' numbers,
   * without those of none.
   */
  auditPerPeriod: (
    accountId: string,
    filter: AuditFilter,
    periods: { since: UnixTime; length: number },
  ) => Promise<Map<number, number>>
  /** Removes up to `limit` of the oldest records of these kinds and audits the removal. Returns how many it removed. */
  removeAudit: (accountId: string, which: OldAudit) => Promise<number>
  accountIds: () => Promise<string[]>
  /**
   * Returns the stored value that identifies the secret key of this database's portals; stores `ours` if there is none
   * yet.
   */
  keyCheck: (ours: string) => Promise<string>
  close: () => Promise<void>
}

export interface Subscriber {
  /**
   * Receives committed changes, transaction by transaction in commit order. Changes of other processes have no
   * `before`; those of `portal init` on SQLite arrive with this process's next write.
   */
  changed: (changes: readonly Change[]) => void
  /** Receives all rows when changes were missed. Changes received afterwards were committed afterwards. */
  reloaded: (rows: Rows) => void
}

export interface SessionRows {
  get: (id: string) => Promise<SessionRow | undefined>
  put: (id: string, row: SessionRow) => Promise<void>
  remove: (id: string) => Promise<void>
  /** Lists one person's sessions that have not expired, at most 100. */
  listOf: (owner: SessionOwner, now: UnixTime) => Promise<NamedSession[]>
  /** Ends one of the owner's sessions; returns false if there is no such session. */
  removeOf: (owner: SessionOwner, id: string) => Promise<boolean>
  removeExpired: (now: UnixTime) => Promise<void>
}

export interface SessionOwner {
  accountId: string
  actorId: string
}

export interface SessionRow {
  /** Content of the session as JSON. */
  data: string
  expiresAt: UnixTime
  /** Person who is signed in; absent before the sign-in. */
  owner?: SessionOwner
}

export interface NamedSession extends SessionRow {
  id: string
}

export interface EmergencyCodes {
  /** Stores the account's code, replacing an earlier one. */
  put: (accountId: string, code: EmergencyCode) => Promise<void>
  /**
   * Returns the account's valid code if `fits` accepts it, and uses it up. Wrong guesses leave the code valid: it is
   * too long to be guessed.
   */
  take: (accountId: string, fits: (code: EmergencyCode) => boolean, now: UnixTime) => Promise<EmergencyCode | undefined>
}

export interface EmergencyCode {
  actorId: string
  hash: string
  expiresAt: UnixTime
}

export interface PagePreferences {
  /** Reads a person's choices, as JSON; undefined if she made none. */
  get: (owner: SessionOwner) => Promise<string | undefined>
  put: (owner: SessionOwner, content: string) => Promise<void>
}

export interface IdempotencyKeys {
  /** Takes a key for a call, unless another call has it; removes keys that have expired. */
  claim: (owner: KeyOwner, claim: KeyClaim) => Promise<ClaimedKey>
  /** Stores the sealed answer of the call that has the key. */
  finish: (owner: KeyOwner, claim: string, answer: string) => Promise<void>
  /** Gives a key back whose call has done nothing. */
  release: (owner: KeyOwner, claim: string) => Promise<void>
}

/** Key of one token's calls; stored as a MAC. */
export interface KeyOwner {
  accountId: string
  tokenId: string
  keyHash: string
}

export interface KeyClaim {
  /** Random id of the call. */
  claim: string
  /** MAC of what the call asks for. */
  fingerprint: string
  now: UnixTime
  expiresAt: UnixTime
}

/**
 * `claimed`: the call has the key. `known`: an earlier call for the same has it, with its sealed answer once that is
 * there. `other`: a call for something else has it. `full`: the account has as many keys as it may.
 */
export type ClaimedKey =
  | { type: 'claimed' }
  | { type: 'known'; answer: string | undefined }
  | { type: 'other' | 'full' }

/** A sign-in, refused sign-in or sign-out, for the audit trail. */
export interface SignInEvent {
  at: UnixTime
  action: 'signed_in' | 'refused' | 'signed_out' | 'emergency_code_made'
  /** Stable code that says how it succeeded, or why it was refused. */
  reason: string
  by: AuditSubject
  actorId: string | null
  identityProviderId: string | null
  /** Further detail for the operator. */
  detail?: string
  /** Identity that the provider asserted, if it did; an admin can create an identity row from it. */
  identity?: { issuer: string; subject: string; email: string | null; emailVerified: boolean }
  /** Number of similar refusals within the minute after one that has a record of its own. */
  repeated?: number
  /** IP address of the browser or client; null on the portal's own command line. */
  remoteIp: string | null
}

export interface Scope {
  accountId: string
  /** Subject for the audit records; read after `work` is done, because `work` may first have to find a peer's row. */
  by: AuditSubject
  /**
   * Receives the changes that `work` and the store's own rules would make. With it, nothing is kept, audited or told: the
   * transaction is rolled back, and its result is the one that the caller would have got.
   */
  rehearsal?: (changes: readonly Change[]) => void
  /** Looks at the changes before they are kept; throws to keep none of them. */
  approve?: (changes: readonly Change[]) => void
}

/** Cause of an audited event: an actor, a peer, or a part of the portal. */
export type AuditSubject =
  | ({ type: 'actor'; actorId: string; via: 'api' | 'session' | 'sign_in' } & From)
  | ({ type: 'client'; clientId: string } & From)
  | ({ type: 'gateway'; gatewayId: string } & From)
  | ({ type: 'system'; part: string } & From)

/** A refused call of the API that carried a token of this portal. */
export interface RefusedCall {
  at: UnixTime
  by: AuditSubject
  method: string
  path: string
  status: number
  /** Stable `code` of the problem response. */
  code: string
  remoteIp: string
}

/** Token and IP address of the caller; absent if unknown. */
interface From {
  tokenId?: string
  remoteIp?: string
}

export interface Reader {
  get: <Name extends EntityName>(name: Name, id: string) => Promise<Entities[Name] | undefined>
  /** Reads the rows with these ids by one query; ids without a row are missing in the result. */
  getAll: <Name extends EntityName>(name: Name, ids: Iterable<string>) => Promise<Map<string, Entities[Name]>>
  /** Lists rows, oldest first, ties by id; all of them without a limit. */
  list: <Name extends EntityName>(name: Name, query?: Query<Name>) => Promise<Entities[Name][]>
  /**
   * Reads one page of a list that is filtered, searched and sorted.
   * @throws StoreError CURSOR if the cursor is malformed, or of another list, sort or filter
   */
  find: <Name extends EntityName>(name: Name, query: FindQuery<Name>) => Promise<Found<Name>>
  /** Counts the rows that pass a filter, up to `MOST_COUNTED`. */
  count: <Name extends EntityName>(name: Name, filter?: Filter<Name>) => Promise<Count>
  /** Lists, by one query, the rows whose column has one of these values, oldest first. */
  listBy: <Name extends EntityName>(
    name: Name,
    column: keyof Entities[Name] & string,
    values: Iterable<string>,
  ) => Promise<Entities[Name][]>
  /** Counts, by one query, the rows whose column has each of these values; values without a row are missing. */
  countBy: <Name extends EntityName>(
    name: Name,
    column: keyof Entities[Name] & string,
    values: Iterable<string>,
  ) => Promise<Map<string, number>>
}

export interface Query<Name extends EntityName> extends Partial<Page> {
  /** Columns that must equal these values. */
  where?: Partial<Entities[Name]>
}

export interface Page {
  after?: Position | undefined
  limit: number
}

/** Place in a list ordered by creation: the last row of the previous page. */
export interface Position {
  createdAt: UnixTime
  id: string
}

export interface Transaction extends Reader {
  /** Changes made so far, in order. */
  readonly changes: readonly Change[]
  /** Reads rows that the transaction is going to ask for one by one. */
  preload: (name: EntityName, ids: readonly string[]) => Promise<void>
  insert: <Name extends WritableName>(name: Name, row: Draft<Name>) => Promise<Entities[Name]>
  /** Inserts many rows, by few statements. */
  insertAll: <Name extends WritableName>(name: Name, rows: readonly Draft<Name>[]) => Promise<Entities[Name][]>
  /**
   * Changes columns of a row and returns it; undefined if there is no such row. A patch that changes nothing is not
   * recorded.
   */
  patch: <Name extends EntityName>(name: Name, id: string, patch: Patch<Name>) => Promise<Entities[Name] | undefined>
  /** Removes a row and all rows that reference it, and returns it; undefined if there is none. */
  remove: <Name extends WritableName>(name: Name, id: string) => Promise<Entities[Name] | undefined>
  /** Removes many rows and all rows that reference them, by few statements. */
  removeAll: (name: WritableName, ids: readonly string[]) => Promise<void>
  /** Ends portal sessions: those of an actor, or those from sign-ins through a provider. */
  endSessions: (of: { actorId: string } | { identityProviderId: string }) => Promise<void>
  /**
   * Deletes providers' state about unfinished sign-ins: about the holder of an e-mail address, or all of one provider.
   */
  endUnfinishedSignIns: (of: { about: string } | { identityProviderId: string }) => Promise<void>
  /**
   * Returns a pair of tunnel addresses that no client or gateway of the account has, for a row about to be inserted.
   */
  allocateAddresses: () => Promise<TunnelAddresses>
  /**
   * Gives the account other address ranges (null for the usual ones), and each client and gateway the same place there
   * that it has in the present ones. Returns for how many of them there is no room; changes nothing if that is not 0.
   */
  moveAddresses: (ranges: AddressRangeTexts | null) => Promise<number>
  /** Reads which rows access files have named; some of them may be gone. */
  accessFileRows: () => Promise<AccessFileRow[]>
  /** Notes which rows access files have named, in place of those noted before. Not audited, and no change of a row. */
  noteAccessFileRows: (rows: readonly AccessFileRow[]) => Promise<void>
}

export interface TunnelAddresses {
  ipv4: string
  ipv6: string
}

export type WritableName = Exclude<EntityName, 'accounts'>

/**
 * A row to insert, without the account and the times, which come from the transaction. The id is generated if
 * absent.
 */
export type Draft<Name extends EntityName> = Omit<Entities[Name], 'id' | 'accountId' | 'createdAt' | 'updatedAt'> & {
  id?: string
}

export type Patch<Name extends EntityName> = Partial<
  Omit<Entities[Name], 'id' | 'accountId' | 'createdAt' | 'updatedAt'>
>

/** The portal's decision about a request for access. */
export interface Decision {
  at: UnixTime
  verdict: 'granted' | 'denied'
  /** Code sent to the client as the reason of a denial, or `granted`. */
  reason: string
  actorId: string | null
  clientId: string | null
  gatewayId: string | null
  resourceId: string | null
  policyId: string | null
  /** Every policy considered, with its conditions, facts and verdicts, as JSON without secrets. */
  details: unknown
}

export type AuditKind = 'change' | 'decision' | 'sign_in' | 'api_call'

/** Filter of audit records; a record must match all members. */
export interface AuditFilter {
  kind?: AuditKind | undefined
  action?: string | undefined
  /** Collection of the row that the record is about. */
  entity?: string | undefined
  /** Actor who made the change, or whose request or sign-in it is. */
  actorId?: string | undefined
  /** Id of the row that the record is about. */
  entityId?: string | undefined
  /** Text that the record contains, or ids of rows that it may name instead. */
  search?: { text: string; ids: readonly string[] } | undefined
  /** Start of the period, inclusive; `until` is its end, exclusive. */
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
  /** One of created, updated, removed; granted, denied; signed_in, refused, signed_out, emergency_code_made. */
  action: string
  /** Collection of the row that the record is about. */
  entity: string
  entityId: string | null
  by: AuditSubject
  /**
   * Details: for a change `{before, after}` of the changed columns, with secrets as `[secret]` or `[secret, changed]`;
   * else the event itself.
   */
  details: unknown
}
