import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { DAY, unixTime } from '../../../../../core/runtime/time.ts'
import { KnexIdempotencyKeys } from '../../../../../hosts/portal/store/knex-idempotency-keys.ts'
import { migrationSource } from '../../../../../hosts/portal/store/migration-source.ts'
import { openDialect } from '../../../../../hosts/portal/store/open-dialect.ts'
import { PortalFixture, type ApiAnswer } from '../../../../kit/portal-fixture.ts'
import { RecordingLogger } from '../../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../../kit/virtual-clock.ts'

describe('creations by the REST API with an Idempotency-Key', () => {
  let portal: PortalFixture
  let clock: VirtualClock
  before(async () => {
    clock = new VirtualClock()
    portal = await PortalFixture.start({ clock })
  })
  after(async () => portal.stop())

  const ports = () => ({ clock, random: new SeededRandom(), logger: new RecordingLogger() })
  const post = async (path: string, key: string, body: unknown = {}, token = portal.token): Promise<ApiAnswer> => {
    const response = await fetch(`${portal.url}/api/v1${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
    })
    return { status: response.status, headers: response.headers, body: await response.json() }
  }

  it('a creation that is sent again with its key is done once, and gets the first answer with its headers', async () => {
    const first = await post('/sites', '"one"', { name: 'Once' })
    const again = await post('/sites', 'one', { name: ' Once ' })
    expect([first.status, again.status]).to.deep.equal([201, 201])
    expect(again.body).to.deep.equal(first.body)
    for (const name of ['location', 'etag']) expect(again.headers.get(name)).to.equal(first.headers.get(name))
    expect([first, again].map(({ headers }) => headers.get('idempotent-replayed'))).to.deep.equal([null, 'true'])
    const { data } = (await portal.api('GET', '/sites')).body as { data: { name: string }[] }
    expect(data.filter(({ name }) => name === 'Once')).to.have.length(1)
  })

  it('a key is refused for another body, another path, and where it has no form', async () => {
    await post('/groups', 'two', { name: 'Two' })
    for (const [path, body] of [
      ['/groups', { name: 'Three' }],
      ['/sites', { name: 'Two' }],
    ] as const) {
      const other = await post(path, 'two', body)
      expect([other.status, other.body.code]).to.deep.equal([422, 'idempotency_key_reused'])
    }
    const odd = await post('/groups', '"a', { name: 'Four' })
    expect([odd.status, odd.body.code]).to.deep.equal([400, 'invalid_idempotency_key'])
  })

  it('of creations with one key at the same time one is done', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, async () => post('/sites', 'race', { name: 'Race' })))
    const made = answers.filter(({ status }) => status === 201)
    for (const { status, body } of answers) if (status !== 201) expect(body.code).to.equal('idempotency_key_in_use')
    expect(new Set(made.map(({ body }) => body.id)).size).to.equal(1)
  })

  it('a creation that is refused gives its key back, as does the end of a day', async () => {
    await portal.create('/groups', { name: 'Taken' })
    expect((await post('/groups', 'back', { name: 'Taken' })).status).to.equal(409)
    expect((await post('/groups', 'back', { name: 'Free' })).status).to.equal(201)
    expect((await post('/groups', 'back', { name: 'Other' })).status).to.equal(422)
    clock.advance(DAY)
    expect((await post('/groups', 'back', { name: 'Other' })).status).to.equal(201)
  })

  it('a key is one token’s own', async () => {
    const { token } = await portal.create(`/actors/${portal.admin.id}/api_tokens`)
    expect((await post('/sites', 'own', { name: 'Hers' })).status).to.equal(201)
    expect((await post('/sites', 'own', { name: 'His' }, token)).status).to.equal(201)
  })

  it('an answer with a token is given again, and neither token nor key is in the database as it is', async () => {
    const first = await post('/relay_tokens', 'secret-key')
    expect((await post('/relay_tokens', 'secret-key')).body).to.deep.equal(first.body)
    if (process.env['PORTREEVE_TEST_POSTGRES'] !== undefined) return
    const { knex, close } = openDialect({ driver: 'sqlite', file: `${portal.stateFolder}/portal.sqlite` }, ports())
    const rows = JSON.stringify(await knex('idempotency_keys'))
    await close()
    expect(rows).to.contain('"answer"')
    for (const text of ['secret-key', first.body.token, first.body.id]) expect(rows).not.to.contain(text)
  })

  it('an account has a bounded number of keys, which others do not use up', async () => {
    const dialect = openDialect({ driver: 'sqlite', file: ':memory:' }, ports())
    await dialect.runMigrations((knex) => knex.migrate.latest({ migrationSource }))
    const keys = new KnexIdempotencyKeys(dialect, 2)
    const now = clock.unix()
    for (const id of ['one', 'two']) {
      const account = { id, slug: id, name: id, is_disabled: false, upstream_resolvers: '[]', created_at: now }
      await dialect.knex('accounts').insert(account)
    }
    const claim = async (accountId: string, key: string) => {
      const call = { claim: key, fingerprint: '', now, expiresAt: unixTime(now + 1) }
      return (await keys.claim({ accountId, tokenId: 'token', keyHash: key }, call)).type
    }
    const claimed = []
    for (const key of ['a', 'b', 'c', 'a']) claimed.push(await claim('one', key))
    expect(claimed).to.deep.equal(['claimed', 'claimed', 'full', 'claimed'])
    expect(await claim('two', 'a')).to.equal('claimed')
    await dialect.close()
  })
})
