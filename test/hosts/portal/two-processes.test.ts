import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { SECOND } from '../../../core/runtime/time.ts'
import { Browser } from '../../kit/browser.ts'
import { ControlPeer } from '../../kit/control-peer.ts'
import { isCallback, OpenidProvider } from '../../kit/openid-provider.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'
import { Postgres } from '../../kit/postgres.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

describe('two portal processes on one PostgreSQL', function () {
  this.timeout(300_000)
  let postgres: Postgres | undefined
  let portal: PortalFixture
  let second: { url: string; stop: () => Promise<void> }
  let openid: OpenidProvider

  before(async function () {
    postgres = await Postgres.shared(this)
    const database = { driver: 'pg', ...(await postgres.newDatabase()) }
    portal = await PortalFixture.start({ config: { database, trusted_proxies: ['127.0.0.1'] } })
    second = await portal.startAnother()
    openid = await OpenidProvider.start()
  })
  after(async () => {
    await openid?.stop()
    await second?.stop()
    await portal?.stop()
  })

  it('S9 a sign-out at one portal process ends the session at the other', async () => {
    const provider = await openid.addTo(portal)
    const browser = new Browser()
    const callback = await browser.follow(`${portal.url}/example/sign_in/oidc/${provider.id}`, {
      until: isCallback,
      login: 'admin',
    })
    await browser.send(callback)
    const cookie = `portreeve_session=${browser.cookies(portal.url).get('portreeve_session') ?? ''}`
    const at = async (url: string, path = '/example/home', form?: Record<string, string>): Promise<Response> =>
      new Browser().send(`${url}${path}`, { headers: { cookie }, ...(form === undefined ? {} : { form }) })
    expect((await at(portal.url)).status).to.equal(200)
    const page = await at(second.url)
    expect(page.status).to.equal(200)
    const csrf = /name="csrf" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
    expect(await (await at(second.url, '/example/sign_out', { csrf })).text()).to.contain(
      `${openid.issuer}/session/end`,
    )
    expect((await at(portal.url)).status).to.equal(302)
  })

  it('a token that is revoked at one portal process closes the channel at the other', async () => {
    const ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    const made = await portal.create(`/actors/${ada.id}/client_tokens`, { name: 'laptop' })
    const { peer } = await ControlPeer.join({ url: second.url, role: 'client', token: made.token })
    await portal.api('DELETE', `/tokens/${made.id}`)
    await peer.closed
  })

  it('P6 a portal process without the peers withdraws and grants nothing, and its changes reach the one that has them', async () => {
    const site = await portal.create('/sites', { name: 'Main' })
    const group = await portal.create('/groups', { name: 'Staff' })
    const about = { type: 'cidr', address: '198.51.100.0/24', site_id: site.id }
    const resource = await portal.create('/resources', { name: 'Office', ...about })
    const ada = await portal.create('/actors', { name: 'Ada', email: 'roams@example.org' })
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [ada.id] })
    const from = (...ranges: string[]) => ({ conditions: [{ condition: 'remote-ip', settings: { ranges } }] })
    const both = { group_id: group.id, resource_id: resource.id, ...from('192.0.2.0/24', '203.0.113.0/24') }
    const policy = await portal.create('/policies', both)
    const { token } = await portal.create(`/actors/${ada.id}/client_tokens`, { name: 'laptop' })
    const gatewayToken = (await portal.create(`/sites/${site.id}/gateway_tokens`)).token
    const { peer: gateway } = await ControlPeer.join({ url: portal.url, role: 'gateway', token: gatewayToken })
    const at = async (ip: string) =>
      (await ControlPeer.join({ url: portal.url, role: 'client', token, headers: { 'X-Forwarded-For': ip } })).peer
    const one = await at('192.0.2.7')
    one.send('request_authorization', { resource_id: resource.id, connected_gateway_ids: [] })
    gateway.send('authorization_created', { ref: (await gateway.next('create_authorization')).payload.ref })
    await one.next('authorization_created')
    const rows = async () => (await portal.api('GET', '/authorizations')).body.data as { id: string }[]
    while ((await rows()).length === 0) await new Promise((resolve) => setImmediate(resolve))
    const standing = await rows()

    const third = await portal.startAnother()
    try {
      // The client connects from another address, and then the policy permits only that one, of which all three
      // processes hear.
      one.socket.pause()
      const two = await at('203.0.113.9')
      await portal.api('PATCH', `/policies/${policy.id}`, from('203.0.113.0/24'))
      // Once the others have handled a later change they have handled this one.
      const others = await portal.create('/policies', { group_id: group.id, resource_id: resource.id, mode: 'shadow' })
      for (const { url } of [second, third]) {
        const headers = { authorization: `Bearer ${portal.token}` }
        const deleted = await fetch(`${url}/api/v1/groups/${group.id}`, { headers })
        expect(deleted.status).to.equal(200)
      }
      await portal.api('DELETE', `/policies/${others.id}`)
      await two.settled()
      await gateway.settled()
      expect(gateway.frames.filter(({ event }) => event === 'reject_access')).to.deep.equal([])
      expect(await rows()).to.deep.equal(standing)

      const headers = { authorization: `Bearer ${portal.token}` }
      await fetch(`${third.url}/api/v1/policies/${policy.id}`, { method: 'DELETE', headers })
      expect((await gateway.next('reject_access')).payload).to.include({ resource_id: resource.id })
      const withdrawn = async () => {
        const trail = (await portal.api('GET', '/audit_log?limit=100')).body.data as { details: { reason?: string } }[]
        return trail.filter(({ details }) => details.reason === 'withdrawn')
      }
      while ((await withdrawn()).length === 0) await new Promise((resolve) => setImmediate(resolve))
      expect(await withdrawn(), 'written down once').to.have.length(1)
      expect(await rows()).to.deep.equal([])
      for (const peer of [one, two, gateway]) peer.close()
    } finally {
      await third.stop()
    }
  })

  it('P6 a portal process is not ready while it does not hear of the other, and then does what it missed', async () => {
    const clock = new VirtualClock()
    const logger = new RecordingLogger()
    const deaf = await portal.startAnother({ clock, logger })
    try {
      const ada = await portal.create('/actors', { name: 'Ada', email: 'deaf@example.org' })
      const made = await portal.create(`/actors/${ada.id}/client_tokens`, { name: 'laptop' })
      const { peer } = await ControlPeer.join({ url: deaf.url, role: 'client', token: made.token })
      const readiness = async () => {
        const answer = await fetch(`${deaf.url}/readyz`)
        return { status: answer.status, body: (await answer.json()) as object }
      }
      expect(await readiness()).to.deep.equal({ status: 200, body: { status: 'ok', failed: [] } })

      const known = logger.next(/listening for changes .* failed/)
      await postgres?.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
      await known
      expect(await readiness()).to.deep.equal({
        status: 503,
        body: { status: 'not ready', failed: ['database-listener'] },
      })
      await portal.api('DELETE', `/tokens/${made.id}`)
      expect(peer.socket.readyState, 'it cannot know yet').to.equal(peer.socket.OPEN)

      clock.advance(SECOND)
      await peer.closed
      expect((await readiness()).status).to.equal(200)
      expect(logger.lines.some(({ message }) => /listening for changes .* again/.test(message))).to.equal(true)
    } finally {
      await deaf.stop()
    }
  })
})
