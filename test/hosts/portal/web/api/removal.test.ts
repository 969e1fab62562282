import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { PortalFixture, type ApiAnswer } from '../../../../kit/portal-fixture.ts'

/** Rows that go along with each noun, in the account that `before` makes, by their number; `!` marks those to be asked for. */
const ALONG: Readonly<Record<string, readonly string[]>> = {
  sites: ['1 policies !', '1 resources !', '1 tokens'],
  groups: ['1 memberships', '1 policies !'],
  resources: ['1 policies !'],
  policies: [],
  actors: ['1 identities', '1 memberships', '2 tokens'],
  identity_providers: ['1 identities !'],
  identities: [],
  tokens: [],
}

describe('removals by the REST API', () => {
  let portal: PortalFixture
  const ids: Record<string, string> = {}

  before(async () => {
    portal = await PortalFixture.start()
    const make = async (noun: string, path: string, body: object = {}) => {
      ids[noun] = (await portal.create(path, body)).id
    }
    await make('sites', '/sites', { name: 'Berlin' })
    await make('groups', '/groups', { name: 'Engineers' })
    await make('actors', '/actors', { name: 'Ada', type: 'admin' })
    await portal.api('PUT', `/groups/${ids['groups']}/memberships`, { actor_ids: [ids['actors']] })
    await make('resources', '/resources', { name: 'Wiki', type: 'ip', address: '192.0.2.7', site_id: ids['sites'] })
    await make('policies', '/policies', { group_id: ids['groups'], resource_id: ids['resources'] })
    const settings = { issuer: 'https://id.example.org', client_id: 'portreeve' }
    // Through this one the owner can sign in without the other.
    await portal.create('/identity_providers', { name: 'First', type: 'oidc', settings })
    await make('identity_providers', '/identity_providers', { name: 'ID', type: 'oidc', settings })
    await make('identities', '/identities', {
      actor_id: ids['actors'],
      identity_provider_id: ids['identity_providers'],
      issuer: 'https://id.example.org',
      subject: 'ada',
    })
    await make('tokens', `/sites/${ids['sites']}/gateway_tokens`)
    await make('client token', `/actors/${ids['actors']}/client_tokens`)
    const { token } = await portal.create(`/actors/${ids['actors']}/api_tokens`)
    const robot = await portal.create('/actors', { name: 'CI', type: 'service_account' })
    await portal.api('POST', `/actors/${robot.id}/api_tokens`, { name: 'Deploys' }, token)
  })
  after(async () => portal.stop())

  const remove = async (noun: string, query = ''): Promise<ApiAnswer> =>
    portal.api('DELETE', `/${noun}/${ids[noun]}${query}`)
  const isThere = async (noun: string): Promise<boolean> =>
    (await portal.api('GET', `/${noun}/${ids[noun]}`)).status === 200

  it('a removal says before what goes along, for each noun, and keeps everything', async () => {
    for (const [noun, along] of Object.entries(ALONG)) {
      const { status, body } = await remove(noun, '?dry_run=true')
      expect(status, noun).to.equal(200)
      const rows = (body.rows as { kind: string; count: number }[]).map(({ kind, count }) => `${count} ${kind}`)
      expect(rows, noun).to.deep.equal(along.map((line) => line.replace(' !', '')))
      expect(await isThere(noun), noun).to.equal(true)
    }
  })

  it('a removal names what goes along, who loses access, and tokens that the actor made for others', async () => {
    const { body: ofSite } = await remove('sites', '?dry_run=true')
    expect(ofSite.rows[0]).to.deep.equal({ kind: 'policies', count: 1, names: ['Engineers to Wiki'] })
    expect(ofSite.rows[1].names).to.deep.equal(['Wiki'])
    expect(ofSite.loses).to.deep.include({ count: 1, is_whole: true })
    expect(ofSite.loses.first[0]).to.have.nested.include({ 'actor.name': 'Ada', 'resource.name': 'Wiki' })
    const { body: ofActor } = await remove('actors', '?dry_run=true')
    expect(ofActor.refused_tokens).to.deep.equal({ count: 1, names: ['Deploys'] })
  })

  it('a removal that would take policies, resources or identities along is refused, and says the same', async () => {
    for (const [noun, along] of Object.entries(ALONG)) {
      if (!along.some((line) => line.endsWith('!'))) continue
      const { body: said } = await remove(noun, '?dry_run=true')
      const { status, body } = await remove(noun)
      expect([status, body.code], noun).to.deep.equal([409, 'in_use'])
      expect(body.removal, noun).to.deep.equal(said)
      expect(body.detail).to.match(/^This would remove as well: .*\?cascade=true\.$/)
      expect(await isThere(noun), noun).to.equal(true)
    }
  })

  it('a removal takes no other query, and no other words', async () => {
    for (const query of ['?dry_run=yes', '?cascade', '?force=true']) {
      expect((await remove('policies', query)).status, query).to.equal(400)
    }
  })

  it('a removal takes along what it is asked to, and else only what is the row’s own', async () => {
    expect((await remove('identity_providers', '?cascade=true')).status).to.equal(204)
    expect(await isThere('identities')).to.equal(false)
    expect((await remove('actors')).status).to.equal(204)
    expect((await remove('sites', '?cascade=true')).status).to.equal(204)
    for (const noun of ['resources', 'policies', 'tokens']) expect(await isThere(noun), noun).to.equal(false)
    expect((await remove('groups')).status).to.equal(204)
    expect((await remove('groups', '?dry_run=true')).status).to.equal(404)
  })
})
