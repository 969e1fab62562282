import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { Secret } from '../../../../../core/runtime/secret.ts'
import { revokeClientToken } from '../../../../../hosts/cli/portal-api.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

describe('the sign-out of a client at its portal', () => {
  let portal: PortalFixture
  let actor: string

  before(async () => {
    portal = await PortalFixture.start()
    const made = await portal.create('/actors', { name: 'Ada', type: 'user', email: 'ada@example.org' })
    actor = String(made['id'])
  })
  after(() => portal?.stop())

  const tokens = async (): Promise<unknown[]> => {
    const { body } = await portal.api('GET', `/actors/${actor}/client_tokens`)
    return body['data'] as unknown[]
  }
  const post = (token: string, method = 'POST') =>
    fetch(`${portal.url}/client/v2/sign_out`, { method, headers: { authorization: `Bearer ${token}` } })

  it('S11 a client’s token is revoked by the token itself, once, and is refused from then on', async () => {
    const { token } = await portal.create(`/actors/${actor}/client_tokens`, { name: 'laptop' })
    expect(await tokens()).to.have.length(1)
    await revokeClientToken(new Secret(String(token)), { portal: portal.url.replace('http', 'ws') })
    expect(await tokens()).to.have.length(0)
    const again = await post(String(token))
    expect(again.status).to.equal(401)
    expect(await again.json()).to.include({ code: 'invalid_token' })
    // A repeated sign-out is no error.
    await revokeClientToken(new Secret(String(token)), { portal: portal.url })
    const { body } = await portal.api('GET', `/audit_log?actor_id=${actor}&limit=100`)
    const removed = (body['data'] as Record<string, unknown>[]).map(({ action }) => action)
    expect(removed.filter((action) => action === 'removed')).to.have.length(1)
  })

  it('a client’s sign-out takes client tokens only, and nothing but POST', async () => {
    for (const token of [portal.token, 'nonsense', '']) expect((await post(token)).status, token).to.equal(401)
    const refused = await post(portal.token, 'GET')
    expect(refused.status).to.equal(405)
    expect(refused.headers.get('allow')).to.equal('POST')
    expect((await portal.api('GET', '/account')).status).to.equal(200)
  })
})
