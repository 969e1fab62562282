import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { ControlPeer, type ConnectRefused, type PeerOptions } from '../../../kit/control-peer.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'

describe('a token’s life, over real WebSockets', () => {
  let portal: PortalFixture
  let site: { id: string }
  let resource: { id: string }
  let ada: { id: string }

  before(async () => {
    portal = await PortalFixture.start()
    site = await portal.create('/sites', { name: 'Main' })
    const group = await portal.create('/groups', { name: 'Staff' })
    ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [ada.id] })
    resource = await portal.create('/resources', {
      name: 'Wiki',
      type: 'dns',
      address: 'wiki.example.org',
      site_id: site.id,
    })
    await portal.create('/policies', { group_id: group.id, resource_id: resource.id })
  })
  after(async () => portal.stop())

  const join = async (role: 'client' | 'gateway', token: string, more: Partial<PeerOptions> = {}) =>
    (await ControlPeer.join({ url: portal.url, role, token, ...more })).peer

  const refusalOf = async (role: 'client' | 'gateway', token: string, more: Partial<PeerOptions> = {}) => {
    try {
      ;(await ControlPeer.connect({ url: portal.url, role, token, ...more })).close()
    } catch (error) {
      return (error as { cause: ConnectRefused }).cause
    }
    throw new Error('was not refused')
  }

  it('a revoked token’s channel closes, and what was authorized with it is withdrawn at the gateway', async () => {
    const gateway = await join('gateway', (await portal.create(`/sites/${site.id}/gateway_tokens`)).token)
    const made = await portal.create(`/actors/${ada.id}/client_tokens`, { name: 'laptop' })
    const client = await join('client', made.token)
    client.send('request_authorization', { resource_id: resource.id, connected_gateway_ids: [] })
    const create = await gateway.next('create_authorization')
    gateway.send('authorization_created', { ref: create.payload.ref })
    await client.next('authorization_created')

    const [shown] = (await portal.api('GET', `/actors/${ada.id}/client_tokens`)).body.data
    expect(shown).to.include({ name: 'laptop', kind: 'client', expires_at: null })
    expect(shown.last_used_at).to.match(/^20\d\d-/)
    expect(Object.keys(shown)).not.to.include.members(['hash']).and.not.include.members(['salt'])

    expect((await portal.api('DELETE', `/tokens/${made.id}`)).status).to.equal(204)
    const reject = await gateway.next('reject_access')
    expect(reject.payload).to.include({ client_id: create.payload.client.id, resource_id: resource.id })
    await client.closed
    expect((await refusalOf('client', made.token)).status).to.equal(401)
    expect((await portal.api('GET', '/authorizations')).body.data).to.deep.equal([])
    gateway.close()
    await gateway.closed
  })

  it('a service account has client and API tokens, which end with it', async () => {
    const robot = await portal.create('/actors', { name: 'Robot', type: 'service_account' })
    const apiToken = (await portal.create(`/actors/${robot.id}/api_tokens`, { name: 'deploy' })).token
    const client = await join('client', (await portal.create(`/actors/${robot.id}/client_tokens`)).token)
    expect((await portal.api('GET', '/sites', undefined, apiToken)).status).to.equal(200)
    await portal.api('PATCH', `/actors/${robot.id}`, { is_disabled: true })
    await client.closed
    expect((await portal.api('GET', '/sites', undefined, apiToken)).status).to.equal(401)
  })

  it('a gateway’s own token serves that gateway alone, and is rotated without a gap', async () => {
    const more = { externalId: 'gateway-a', publicKey: Buffer.alloc(32, 7).toString('base64') }
    const first = await join('gateway', (await portal.create(`/sites/${site.id}/gateway_tokens`)).token, more)
    const rows = (await portal.api('GET', '/gateways')).body.data as { id: string; external_id: string }[]
    const id = rows.find(({ external_id: externalId }) => externalId === 'gateway-a')?.id ?? ''
    first.close()
    await first.closed

    const old = await portal.create(`/gateways/${id}/tokens`)
    const other = { externalId: 'gateway-b', publicKey: Buffer.alloc(32, 8).toString('base64') }
    expect((await refusalOf('gateway', old.token, other)).body.code).to.equal('device_identity_conflict')
    const gateway = await join('gateway', old.token, more)

    const rotated = await portal.create(`/gateways/${id}/rotate_token`, { overlap_seconds: 3_600 })
    const ends = Date.parse(rotated.previous_end_at)
    expect(ends - Date.now()).to.be.within(3_590_000, 3_600_000)
    await gateway.settled() // still there during the overlap
    gateway.close()
    await gateway.closed
    const again = await join('gateway', rotated.token, more)
    const listed = (await portal.api('GET', `/gateways/${id}/tokens`)).body.data as { id: string; expires_at: string }[]
    expect(listed.map((token) => [token.id, token.expires_at])).to.deep.equal([
      [old.id, rotated.previous_end_at],
      [rotated.id, null],
    ])
    await portal.create(`/gateways/${id}/rotate_token`, { overlap_seconds: 0 })
    await again.closed
    expect((await refusalOf('gateway', rotated.token, more)).status).to.equal(401)
  })
})
