import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { Actor, IdentityProviderRow } from '../../../../hosts/portal/entities.ts'
import { KnexStore } from '../../../../hosts/portal/store/knex-store.ts'
import type { Scope } from '../../../../hosts/portal/store/store.ts'
import { deskOf } from '../../../../hosts/portal/web/sign-in/desk.ts'
import { linkActor } from '../../../../hosts/portal/web/sign-in/link-actor.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

describe('whose a proven identity is', () => {
  let store: KnexStore
  let scope: Scope
  let provider: IdentityProviderRow

  beforeEach(async () => {
    const [clock, random, logger] = [new VirtualClock(), new SeededRandom(1), new RecordingLogger()]
    store = await KnexStore.open({ database: { driver: 'better-sqlite3', file: ':memory:' }, clock, random, logger })
    const by = { type: 'system', part: 'test' } as const
    scope = { accountId: (await store.createAccount({ slug: 'example', name: 'Example' }, by)).id, by }
    provider = await store.transact(scope, (tx) =>
      tx.insert('identity_providers', {
        name: 'Example ID',
        type: 'oidc',
        settings: {},
        isDefault: false,
        isDisabled: false,
        clientTokenLifetimeSeconds: 3_600,
        sessionLifetimeSeconds: 3_600,
      }),
    )
  })
  afterEach(async () => store.close())

  const addActor = async (type: Actor['type'], email: string | null): Promise<Actor> =>
    store.transact(scope, (tx) => tx.insert('actors', { type, name: 'Mark', email, isDisabled: false }))
  const link = async (subject: string, email: string): ReturnType<typeof linkActor> =>
    linkActor(store, { provider, identity: { issuer: 'https://id.example.org', subject, email, emailVerified: true } })

  it("is nobody's where an address only looks like an actor's: U+212A is no k, U+0130 no i", async () => {
    await addActor('admin', 'mark@example.org')
    await addActor('admin', 'iris@example.org')
    for (const email of [
      'mar\u212A@example.org',
      '\u0130ris@example.org',
      '\u{FF4D}ark@example.org',
      'mark@example.org ',
    ]) {
      expect(await link(email, email), email).to.include({ ok: false, code: 'unknown_person' })
      expect(await deskOf(store, provider).knows(email), email).to.equal(false)
    }
  })

  it("is an actor's whose address differs in capitals only", async () => {
    const mark = await addActor('user', 'mark@example.org')
    expect(await deskOf(store, provider).knows('MARK@Example.org')).to.equal(true)
    expect(await link('m', 'MARK@Example.org')).to.deep.include({ ok: true, actor: mark })
  })

  it("is nobody's where it was that of what is a service account", async () => {
    const mark = await addActor('user', 'mark@example.org')
    expect(await link('m', 'mark@example.org')).to.include({ ok: true })
    await store.transact(scope, (tx) => tx.patch('actors', mark.id, { type: 'service_account' }))
    expect(await link('m', 'mark@example.org')).to.include({ ok: false, code: 'not_a_person' })
    expect(await link('another', 'mark@example.org')).to.include({ ok: false, code: 'unknown_person' })
    expect(await deskOf(store, provider).knows('mark@example.org')).to.equal(false)
  })
})
