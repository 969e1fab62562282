import { createHash } from 'node:crypto'
import { expect } from 'chai'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { DAY, HOUR, unixTime } from '../../../../core/runtime/time.ts'
import type { Account, Actor } from '../../../../hosts/portal/store/entities.ts'
import { KnexStore } from '../../../../hosts/portal/store/knex-store.ts'
import { parseToken } from '../../../../hosts/portal/identity/token-text.ts'
import { Tokens, type MintedToken, type TokenDraft } from '../../../../hosts/portal/identity/tokens.ts'
import { anyText } from '../../../kit/any-text.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const by = { type: 'system', part: 'test' } as const
const key = new SeededRandom('key').bytes(32)
const nonce = '0123456789abcdef'.repeat(4)

describe('tokens', () => {
  let store: KnexStore
  let tokens: Tokens
  let account: Account
  let actor: Actor
  let clock: VirtualClock

  beforeEach(async () => {
    clock = new VirtualClock()
    const random = new SeededRandom()
    store = await KnexStore.open({
      database: { driver: 'sqlite', file: ':memory:' },
      clock,
      random,
      logger: new RecordingLogger(),
    })
    tokens = new Tokens({ store, key, clock, random, logger: new RecordingLogger() })
    account = await store.createAccount({ slug: 'example', name: 'Example' }, by)
    actor = await store.transact({ accountId: account.id, by }, (tx) =>
      tx.insert('actors', { type: 'user', name: 'Ada', email: null, isDisabled: false }),
    )
  })
  afterEach(async () => store.close())

  const mint = async (draft: Partial<TokenDraft> = {}): Promise<MintedToken> =>
    store.transact({ accountId: account.id, by }, (tx) =>
      tokens.mint(tx, account.id, {
        kind: 'client',
        name: 'laptop',
        actorId: actor.id,
        expiresAt: null,
        nonce,
        ...draft,
      }),
    )

  /** Resolves once all earlier writes are done. */
  const written = async (): Promise<void> => store.transact({ accountId: account.id, by }, async () => {})

  it('S5 a token is useless without its nonce, and with another one', async () => {
    const { fragment, text } = await mint()
    expect(text).to.equal(nonce + fragment)
    expect(fragment).to.match(/^\./)
    expect(await tokens.verify(text, 'client')).to.deep.include({ ok: true, actor, account })
    expect(await tokens.verify(fragment, 'client')).to.deep.equal({ ok: false, reason: 'wrong_secret' })
    expect(await tokens.verify(`x${nonce.slice(1)}${fragment}`, 'client')).to.deep.equal({
      ok: false,
      reason: 'wrong_secret',
    })
  })

  it('S5 a token is stored as a salted hash only, and written in characters that no client mangles', async () => {
    const { text, fragment } = await mint()
    expect(text).to.match(/^[A-Za-z0-9._-]+$/)
    const parsing = parseToken(text, key)
    const secret = parsing.ok ? parsing.parts.secret : ''
    expect(secret).to.match(/^[0-9a-f]{64}$/)
    const [row] = (await store.load()).tokens
    expect(row?.salt).to.match(/^[\w-]{20,}$/)
    // SHA3-256(nonce ‖ fragment ‖ salt), by another implementation.
    expect(row?.hash).to.equal(createHash('sha3-256').update(`${nonce}${secret}${row?.salt}`).digest('hex'))
    const rows = JSON.stringify([await store.load(), await store.auditLog(account.id, { limit: 100 })])
    for (const part of [secret, fragment, nonce]) expect(rows).not.to.contain(part)
  })

  it('S5 a token is valid until it expires or is revoked', async () => {
    const { text, token } = await mint({ expiresAt: unixTime(clock.unix() + HOUR) })
    expect(await tokens.verify(text, 'client')).to.have.property('ok', true)
    clock.advance(HOUR)
    expect(await tokens.verify(text, 'client')).to.include({ ok: false, reason: 'expired' })
    await store.transact({ accountId: account.id, by }, (tx) => tx.remove('tokens', token.id))
    expect(await tokens.verify(text, 'client')).to.include({ ok: false, reason: 'unknown' })
  })

  it('a token is valid for its own kind only, and while its actor is', async () => {
    const { text } = await mint()
    expect(await tokens.verify(text, 'api')).to.include({ ok: false, reason: 'wrong_kind' })
    await store.transact({ accountId: account.id, by }, (tx) => tx.patch('actors', actor.id, { isDisabled: true }))
    expect(await tokens.verify(text, 'client')).to.include({ ok: false, reason: 'actor_disabled' })
  })

  it('a token with any changed character is refused', async () => {
    const { text } = await mint()
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.constantFrom('A', 'z', '0', '_', '-'), async (at, letter) => {
        fc.pre(text[at] !== letter)
        const verdict = await tokens.verify(text.slice(0, at) + letter + text.slice(at + 1), 'client')
        expect(verdict.ok).to.equal(false)
      }),
    )
  })

  it('any text is checked as a token without an exception', () => {
    fc.assert(
      fc.property(fc.oneof(anyText(), fc.stringMatching(/^[\w.-]*$/)), (text) => {
        expect(parseToken(text, key).ok).to.equal(false)
      }),
    )
  })

  it('a token is valid while its use cannot be noted, and does not wait for that', async () => {
    const { text } = await mint()
    const logger = new RecordingLogger()
    let fail: (error: Error) => void = () => undefined
    const stuck = Object.create(store) as KnexStore
    stuck.reader = (id) => store.reader(id)
    stuck.transact = () => new Promise((_, reject) => (fail = reject))
    const checking = new Tokens({ store: stuck, key, clock, random: new SeededRandom(), logger })
    expect(await checking.verify(text, 'client')).to.include({ ok: true })
    expect(await checking.verify(text, 'client')).to.include({ ok: true })
    const said = logger.next(/noting the use of a token failed/)
    fail(new Error('database or disk is full'))
    await said
    expect(await checking.verify(text, 'client')).to.include({ ok: true })
  })

  it('a token’s use is noted, but not each', async () => {
    const { text, token } = await mint()
    await tokens.verify(text, 'client')
    const first = clock.unix()
    clock.advance(1000)
    await tokens.verify(text, 'client')
    await written()
    expect((await store.reader(account.id).get('tokens', token.id))?.lastUsedAt).to.equal(first)
    clock.advance(DAY)
    await tokens.verify(text, 'client')
    await written()
    expect((await store.reader(account.id).get('tokens', token.id))?.lastUsedAt).to.equal(clock.unix())
  })
})
