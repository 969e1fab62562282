import { equalSecrets } from '../../../core/crypto/equal-secrets.ts'
import { toBase64Url, toHex } from '../../../core/crypto/text-encoding.ts'
import { tokenHash } from '../../../core/crypto/token-hash.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { uuid, type Random } from '../../../core/runtime/random.ts'
import { DAY, MINUTE, type UnixTime } from '../../../core/runtime/time.ts'
import type { Account, Actor, Entities, SignInStatements, Token, TokenKind } from '../store/entities.ts'
import type { Store, Transaction } from '../store/store.ts'
import { DEFAULT_SCOPES, type Scope } from './token-scopes.ts'
import { parseToken, signedFragment, type TokenParts } from './token-text.ts'

/** Properties of a token to be made. */
export interface TokenDraft {
  kind: TokenKind
  name: string
  actorId?: string
  siteId?: string
  gatewayId?: string
  identityProviderId?: string
  /** Statements of the provider about the sign-in; null by default. */
  signIn?: SignInStatements | null
  /** Scopes, for an API token; by default those that narrow nothing. */
  scopes?: readonly Scope[]
  /** Person who makes it; null by default. */
  makerId?: string | null
  /** Whether an emergency code is the authority to make it; false by default. */
  isEmergency?: boolean
  /** Time at which it expires; null if it is valid until revoked. */
  expiresAt: UnixTime | null
  /** Random text chosen by the client that asks for the token, part of the hash; empty by default. */
  nonce?: string
}

export interface MintedToken {
  token: Token
  /** Token without its nonce, safe in a redirect because it is worthless alone. Begins with a dot. */
  fragment: string
  /** Complete token, nonce included; shown once. */
  text: string
}

export type TokenVerdict =
  | {
      ok: true
      token: Token
      account: Account
      /** Actor of the token; null for tokens of gateways and relays. */ actor: Actor | null
    }
  | {
      ok: false
      reason: TokenRefusal
      /** Kind of the token, if it is genuine but of another kind than expected. */
      kind?: TokenKind
      /** Ids of the token, if this portal issued it. */
      genuine?: { accountId: string; tokenId: string }
    }

export type TokenRefusal =
  | 'malformed'
  | 'forged'
  | 'unknown'
  | 'wrong_secret'
  | 'wrong_kind'
  | 'expired'
  | 'account_disabled'
  | 'actor_disabled'
  | 'provider_disabled'

/** Tables that tell whether a token is valid. */
type Judged = 'tokens' | 'accounts' | 'identity_providers' | 'actors'

/** Finds a row in memory by its id. */
export type KnownRow = <Name extends Judged>(name: Name, id: string) => Entities[Name] | undefined

/** Lifetime of an API token whose maker asks for none. */
export const API_TOKEN_LIFE_MS = 90 * DAY

/** Precision of `lastUsedAt`: writing every use would be the portal's most frequent write. */
const LAST_USED_PRECISION_MS = 5 * MINUTE

export interface TokensOptions {
  store: Store
  /** Key that signs tokens, 32 bytes. */
  key: Uint8Array
  clock: Clock
  random: Random
  logger: Logger
}

/** Issues and verifies the portal's tokens. The database has a salted hash of each token, never the token. */
export class Tokens {
  readonly #store: Store
  readonly #key: Uint8Array
  readonly #clock: Clock
  readonly #random: Random
  readonly #logger: Logger
  /** Finds a row in memory; nothing by default. */
  #known: KnownRow = () => undefined
  /** Ids of tokens whose `lastUsedAt` is being written. */
  readonly #noting = new Set<string>()

  constructor({ store, key, clock, random, logger }: TokensOptions) {
    this.#store = store
    this.#key = key
    this.#clock = clock
    this.#random = random
    this.#logger = logger
  }

  /**
   * Has tokens verified by rows in memory, which have all that is committed. Rows that are not there are read from the
   * database: another process of this machine may have made them.
   */
  lookUpIn(known: KnownRow): void {
    this.#known = known
  }

  /** Whether a text is a token that this portal has issued; it may have expired or been revoked. */
  isGenuine(text: string): boolean {
    return parseToken(text, this.#key).ok
  }

  /** Issues a token in a transaction of its account. */
  async mint(tx: Transaction, accountId: string, draft: TokenDraft): Promise<MintedToken> {
    const nonce = draft.nonce ?? ''
    const parts = { accountId, tokenId: uuid(this.#random), secret: toHex(this.#random.bytes(32)) }
    const salt = toBase64Url(this.#random.bytes(16))
    const token = await tx.insert('tokens', {
      id: parts.tokenId,
      kind: draft.kind,
      name: draft.name,
      actorId: draft.actorId ?? null,
      siteId: draft.siteId ?? null,
      gatewayId: draft.gatewayId ?? null,
      identityProviderId: draft.identityProviderId ?? null,
      signIn: draft.signIn ?? null,
      salt,
      hash: tokenHash({ nonce, secret: parts.secret, salt }),
      scopes: draft.kind === 'api' ? (draft.scopes ?? DEFAULT_SCOPES) : null,
      makerId: draft.makerId ?? null,
      isEmergency: draft.isEmergency ?? false,
      expiresAt: draft.expiresAt,
      lastUsedAt: null,
    })
    const fragment = signedFragment(parts, this.#key)
    return { token, fragment, text: nonce + fragment }
  }

  /**
   * Verifies a token of an expected kind and returns its row with account and actor, or the reason for refusing it.
   * Accepts any text.
   */
  async verify(text: string, kind: TokenKind): Promise<TokenVerdict> {
    const parsing = parseToken(text, this.#key)
    if (!parsing.ok) return parsing
    const { accountId, tokenId } = parsing.parts
    const verdict = await this.#judge(parsing.parts, kind)
    if (!verdict.ok)
      return verdict.reason === 'wrong_secret' ? verdict : { ...verdict, genuine: { accountId, tokenId } }
    // Not awaited: the token must work even while the database takes no writes.
    void this.#noteUse(verdict.token)
    return verdict
  }

  async #judge({ accountId, tokenId, nonce, secret }: TokenParts, kind: TokenKind): Promise<TokenVerdict> {
    const reader = { get: async <Name extends Judged>(name: Name, id: string) => this.#row(accountId, name, id) }
    const token = await reader.get('tokens', tokenId)
    if (token === undefined) return { ok: false, reason: 'unknown' }
    if (!equalSecrets(token.hash, tokenHash({ nonce, secret, salt: token.salt })))
      return { ok: false, reason: 'wrong_secret' }
    if (token.kind !== kind) return { ok: false, reason: 'wrong_kind', kind: token.kind }
    if (token.expiresAt !== null && token.expiresAt <= this.#clock.unix()) return { ok: false, reason: 'expired' }

    const account = await reader.get('accounts', accountId)
    if (account === undefined || account.isDisabled) return { ok: false, reason: 'account_disabled' }
    if (token.identityProviderId !== null) {
      const provider = await reader.get('identity_providers', token.identityProviderId)
      if (provider === undefined || provider.isDisabled) return { ok: false, reason: 'provider_disabled' }
    }
    if (token.actorId === null) return { ok: true, token, account, actor: null }
    const actor = await reader.get('actors', token.actorId)
    if (actor === undefined || actor.isDisabled) return { ok: false, reason: 'actor_disabled' }
    return { ok: true, token, account, actor }
  }

  async #row<Name extends Judged>(accountId: string, name: Name, id: string): Promise<Entities[Name] | undefined> {
    const row = this.#known(name, id)
    if (row === undefined) return this.#store.reader(accountId).get(name, id)
    return ('accountId' in row ? row.accountId : row.id) === accountId ? row : undefined
  }

  async #noteUse({ id, accountId, lastUsedAt }: Token): Promise<void> {
    const now = this.#clock.unix()
    if (lastUsedAt !== null && now - lastUsedAt < LAST_USED_PRECISION_MS) return
    if (this.#noting.has(id)) return
    this.#noting.add(id)
    const scope = { accountId, by: { type: 'system', part: 'tokens' } as const }
    try {
      await this.#store.transact(scope, (tx) => tx.patch('tokens', id, { lastUsedAt: now }))
    } catch (error) {
      this.#logger.warn({ error, accountId, tokenId: id }, 'noting the use of a token failed')
    } finally {
      this.#noting.delete(id)
    }
  }
}
