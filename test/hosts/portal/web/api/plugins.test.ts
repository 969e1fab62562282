import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

interface Listed {
  name: string
  version: string
  package: string
  provides: {
    point: string
    key: string
    settings: { properties: Record<string, { writeOnly?: boolean }> } | null
    reads: object[]
  }[]
}

describe('GET /api/v1/plugins', () => {
  let portal: PortalFixture

  before(async () => {
    portal = await PortalFixture.start()
  })
  after(async () => portal.stop())

  it('shows an admin what the portal has loaded, with the schemas of all settings, and marks secrets', async () => {
    const { status, body } = await portal.api('GET', '/plugins')
    expect(status).to.equal(200)
    const plugins = (body as { data: Listed[] }).data
    const named = new Map(plugins.map((one) => [one.name, one]))
    expect(named.get('condition-remote-ip')).to.deep.include({
      package: 'builtin:condition-remote-ip',
      isolation: 'none',
    })
    const [condition] = named.get('condition-remote-ip')?.provides ?? []
    expect(condition).to.include({ point: 'policy-conditions', key: 'remote-ip' })
    expect(condition?.reads).to.deep.equal([
      { name: 'client.address', about: 'request', said_by: 'portal', is_optional: false },
    ])
    const [provider] = named.get('identity-oidc')?.provides ?? []
    const { client_id, client_secret } = provider?.settings?.properties ?? {}
    expect([client_id?.writeOnly, client_secret?.writeOnly]).to.deep.equal([undefined, true])
    // A portal only describes resolvers, and asks none.
    expect(named.get('resolver-udp')?.provides[0]).to.have.nested.property('settings.properties.address')
  })

  it('is for admins and service accounts, as the rest of the API is', async () => {
    const user = await portal.create('/actors', { name: 'Grace', type: 'user', email: 'grace@example.org' })
    const program = await portal.create('/actors', { name: 'CI', type: 'service_account' })
    const tokens = await Promise.all(
      [user, program].map(({ id }) => portal.api('POST', `/actors/${id}/api_tokens`, { name: 'x' })),
    )
    const [, ofProgram] = tokens.map(({ body }) => (body as { token?: string }).token)
    const statusWith = async (headers: Record<string, string>) =>
      (await fetch(`${portal.url}/api/v1/plugins`, { headers })).status
    expect(await statusWith({})).to.equal(401)
    expect(tokens[0]?.status).to.equal(422)
    expect(await statusWith({ authorization: `Bearer ${ofProgram ?? ''}` })).to.equal(200)
  })

  it('is described with an example, and answers 304 to whoever has its version', async () => {
    const description = (await (await fetch(`${portal.url}/openapi.json`)).json()) as {
      paths: Record<string, object>
      components: { schemas: Record<string, { examples?: object[] }> }
    }
    expect(description.paths['/plugins']).to.have.nested.property('get.operationId', 'getPlugins')
    expect(description.components.schemas['Plugin']?.examples?.[0]).to.include({ isolation: 'none' })
    const { headers } = await portal.api('GET', '/plugins')
    const again = await fetch(`${portal.url}/api/v1/plugins`, {
      headers: { authorization: `Bearer ${portal.token}`, 'if-none-match': headers.get('etag') ?? '' },
    })
    expect(again.status).to.equal(304)
  })
})
