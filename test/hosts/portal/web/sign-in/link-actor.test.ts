import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { Actor, IdentityProviderRow } from '../../../../../hosts/portal/store/entities.ts'
import { KnexStore } from '../../../../../hosts/portal/store/knex-store.ts'
import type { Scope } from '../../../../../hosts/portal/store/store.ts'
import { deskOf } from '../../../../../hosts/portal/web/sign-in/desk.ts'
import { linkActor } from '../../../../../hosts/portal/web/sign-in/link-actor.ts'
import { RecordingLogger } from '../../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../../kit/virtual-clock.ts'

describe('whose a proven identity is', () => {
  let store: KnexStore
  let scope: Scope
  let provider: IdentityProviderRow

  beforeEach(async () => {
    const [clock, random, logger] = [new VirtualClock(), new SeededRandom(1), new RecordingLogger()]
    store = await KnexStore.open({ database: { driver: 'sqlite', file: ':memory:' }, clock, random, logger })
    const by = { type: 'system', part: 'test' } as const
    scope = { accountId: (await store.createAccount({ slug: 'example', name: 'Example' }, by)).id, by }
    provider = await addProvider('Example ID', ['*'])
  })
  afterEach(async () => store.close())

  const addActor = async (type: Actor['type'], email: string | null): Promise<Actor> =>
    store.transact(scope, (tx) => tx.insert('actors', { type, name: 'Mark', email, isDisabled: false }))
  const addProvider = async (name: string, emailDomains: string[]): Promise<IdentityProviderRow> =>
    store.transact(scope, (tx) =>
      tx.insert('identity_providers', {
        name,
        type: 'oidc',
        settings: {},
        emailDomains,
        isDefault: false,
        isDisabled: false,
        clientTokenLifetimeSeconds: 3_600,
        sessionLifetimeSeconds: 3_600,
      }),
    )
  const link = async (subject: string, email: string, by = provider): ReturnType<typeof linkActor> =>
    linkActor(store, {
      provider: by,
      identity: { issuer: 'https://id.example.org', subject, email, emailVerified: true },
    })

  it("a proven identity is nobody's where an address only looks like an actor's: U+212A is no k, U+0130 no i", async () => {
    await addActor('admin', 'mark@example.org')
    await addActor('admin', 'iris@example.org')
    for (const email of [
      'mar\u212A@example.org',
      '\u0130ris@example.org',
      '\u{FF4D}ark@example.org',
      'mark@example.org ',
    ]) {
      expect(await link(email, email), email).to.include({ ok: false, code: 'unknown_person' })
      expect(await deskOf(store, provider, '192.0.2.1').knows(email), email).to.equal(false)
    }
  })

  it("a proven identity is an actor's whose address differs in capitals only", async () => {
    const mark = await addActor('user', 'mark@example.org')
    expect(await deskOf(store, provider, '192.0.2.1').knows('MARK@Example.org')).to.equal(true)
    expect(await link('m', 'MARK@Example.org')).to.deep.include({ ok: true, actor: mark })
  })

  it("a proven identity is nobody's where its address was a service account's", async () => {
    const mark = await addActor('user', 'mark@example.org')
    expect(await link('m', 'mark@example.org')).to.include({ ok: true })
    await store.transact(scope, (tx) => tx.patch('actors', mark.id, { type: 'service_account' }))
    expect(await link('m', 'mark@example.org')).to.include({ ok: false, code: 'unknown_person' })
    expect(await link('another', 'mark@example.org')).to.include({ ok: false, code: 'unknown_person' })
    expect(await deskOf(store, provider, '192.0.2.1').knows('mark@example.org')).to.equal(false)
  })
  it('S12 a proven identity is an actor’s where the provider speaks for the domain, in whatever spelling, and in no other domain', async () => {
    const [mark, iris] = [await addActor('user', 'mark@example.org'), await addActor('admin', 'iris@mail.example.org')]
    const none = await addProvider('None', [])
    const parent = await addProvider('Parent', ['example.org'])
    expect(await link('m', 'mark@example.org', none)).to.include({ ok: false, code: 'domain_not_configured' })
    expect(await link('i', 'iris@mail.example.org', parent)).to.include({ ok: false, code: 'domain_not_configured' })
    for (const email of ['mark@example.org.', 'mark@example.org ', '"x@evil.example"@example.org'])
      expect(await link('m', email, parent), email).to.include({ ok: false, code: 'unknown_person' })
    expect(await link('m', 'Mark@EXAMPLE.org', parent)).to.deep.include({ ok: true, actor: mark })
    expect(await link('i', 'iris@mail.example.org')).to.deep.include({ ok: true, actor: iris })
  })

  it('S12 a proven identity is not somebody’s who signs in another way, at whatever provider, until an admin says so', async () => {
    const mark = await addActor('admin', 'mark@example.org')
    const second = await addProvider('Second', ['*'])
    expect(await link('m', 'mark@example.org')).to.include({ ok: true })
    expect(await link('evil', 'mark@example.org')).to.include({ ok: false, code: 'identity_conflict' })
    expect(await link('m', 'mark@example.org', second)).to.include({ ok: false, code: 'link_needs_admin' })
    await store.transact(scope, (tx) =>
      tx.insert('identities', {
        actorId: mark.id,
        identityProviderId: second.id,
        issuer: 'https://id.example.org',
        subject: 'm',
      }),
    )
    expect(await link('m', 'mark@example.org', second)).to.deep.include({ ok: true, actor: mark })
  })

  it('S11 an identity whose subject is its address belongs to whoever has that address, also for older rows', async () => {
    const old = await addActor('admin', 'smith@example.org')
    expect(await link('smith@example.org', 'smith@example.org')).to.deep.include({ ok: true, actor: old })
    const [row] = await store.reader(scope.accountId).list('identities')
    await store.transact(scope, (tx) => tx.patch('actors', old.id, { email: 'jones@example.org' }))
    expect(await store.reader(scope.accountId).list('identities')).to.deep.equal([])
    const next = await addActor('user', 'smith@example.org')
    // This row is like those of an earlier version.
    await store.transact(scope, (tx) =>
      tx.insert('identities', {
        actorId: old.id,
        identityProviderId: provider.id,
        issuer: row?.issuer ?? '',
        subject: 'smith@example.org',
      }),
    )
    expect(await link('smith@example.org', 'smith@example.org')).to.deep.include({ ok: true, actor: next })
    expect((await store.reader(scope.accountId).list('identities')).map(({ actorId }) => actorId)).to.deep.equal([
      next.id,
    ])
  })
})
