import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { ControlPeer, keyOf } from '../../../kit/control-peer.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'

describe('the rows of peers that connect', () => {
  let portal: PortalFixture
  before(async () => {
    portal = await PortalFixture.start()
  })
  after(async () => portal.stop())

  it('the row of a peer is changed by the peer itself, in the audit trail, the first time as later', async () => {
    const ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    const site = await portal.create('/sites', { name: 'Main' })
    const tokens = {
      client: (await portal.create(`/actors/${ada.id}/client_tokens`)).token as string,
      gateway: (await portal.create(`/sites/${site.id}/gateway_tokens`)).token as string,
    }
    for (const role of ['client', 'gateway'] as const) {
      for (const key of ['one', 'two']) {
        const publicKey = keyOf(`${role} ${key}`)
        const { peer } = await ControlPeer.join({ url: portal.url, role, token: tokens[role], publicKey })
        peer.close()
        await peer.closed
      }
      const trail = (await portal.api('GET', '/audit_log?limit=100')).body.data as {
        entity: string
        action: string
        entity_id: string
        by: Record<string, string>
      }[]
      const own = trail.filter(({ entity }) => entity === `${role}s`)
      expect(own.map(({ action }) => action)).to.deep.equal(['updated', 'created'])
      for (const { by, entity_id } of own) {
        const whose = { type: role, [`${role}_id`]: entity_id, remote_ip: '127.0.0.1' }
        expect(by).to.include(whose)
        expect(by['token_id']).to.match(/^[0-9a-f-]{36}$/)
      }
    }
  })

  it('a gateway is ephemeral as it says at its last connect, and the API shows that and when it was last there', async () => {
    const site = await portal.create('/sites', { name: 'Containers' })
    const { token } = await portal.create(`/sites/${site.id}/gateway_tokens`)
    const connect = async (parameters: Record<string, string>) => {
      const { peer } = await ControlPeer.join({
        url: portal.url,
        role: 'gateway',
        token: token as string,
        externalId: 'container',
        parameters,
      })
      peer.close()
      await peer.closed
      const { data } = (await portal.api('GET', '/gateways?limit=100')).body as { data: Record<string, unknown>[] }
      return data.find(({ external_id: id }) => id === 'container')
    }
    const ephemeral = await connect({ ephemeral: 'true' })
    expect(ephemeral).to.include({ is_ephemeral: true })
    expect(ephemeral?.['last_seen_at']).to.match(/^\d{4}-/)
    expect(await connect({})).to.include({ is_ephemeral: false, id: ephemeral?.['id'] })
    const refused = await connect({ ephemeral: 'perhaps' }).catch((error: unknown) => error)
    expect(refused).to.have.nested.property('cause.body.code', 'invalid_connect_params')
  })
})
