import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { AdminVisitor } from '../../../../kit/admin-visitor.ts'
import { ControlPeer } from '../../../../kit/control-peer.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

describe('gateways on the page of their site', () => {
  let portal: PortalFixture
  let owner: AdminVisitor
  let siteId: string
  let gateway: ControlPeer

  before(async () => {
    portal = await PortalFixture.start()
    siteId = (await portal.create('/sites', { name: 'Frankfurt' })).id
    const { token } = await portal.create(`/sites/${siteId}/gateway_tokens`)
    gateway = (await ControlPeer.join({ url: portal.url, role: 'gateway', token, name: 'fra-1' })).peer
    gateway.send('set_capabilities', { features: ['host_problems', 'load_reports'] })
    owner = await AdminVisitor.signIn(portal)
  })
  after(async () => {
    gateway.close()
    await portal.stop()
  })

  it('show the load that a gateway reports, by the API as well, and mark a busy one', async () => {
    gateway.send('gateway_load', { processor_share: 0.25, bytes_per_second: 1_250_000 })
    await gateway.settled()
    const { body } = await portal.api('GET', '/gateways')
    expect(body.data[0].load).to.include({ processor_share: 0.25, bytes_per_second: 1_250_000 })
    const { text } = await owner.open(`/sites/${siteId}`)
    expect(text).to.include('25 % of its processors, 10 Mbit/s').and.include('connected')
    gateway.send('gateway_load', { processor_share: 0.9 })
    await gateway.settled()
    expect((await owner.open(`/sites/${siteId}`)).text).to.match(/class="mark wait"[^]*90 % of its processors</)
  })

  it('show why a gateway does not forward, and count it as none that serves', async () => {
    gateway.send('host_problems', { problems: [{ code: 'forward_drop', said: 'its firewall drops what it forwards' }] })
    await gateway.settled()
    const { text } = await owner.open(`/sites/${siteId}`)
    expect(text)
      .to.include('does not forward')
      .and.include('No client is given it: its firewall drops what it forwards.')
    expect((await owner.open('/sites')).text).to.include('0 of 1')
  })
})
