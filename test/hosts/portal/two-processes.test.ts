import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { SECOND } from '../../../core/runtime/time.ts'
import { Browser } from '../../kit/browser.ts'
import { ControlPeer } from '../../kit/control-peer.ts'
import { OPENID_CLIENT, OpenidProvider } from '../../kit/openid-provider.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'
import { Postgres } from '../../kit/postgres.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

describe('two portal processes on one PostgreSQL', function () {
  this.timeout(60_000)
  let postgres: Postgres | undefined
  let portal: PortalFixture
  let second: { url: string; stop: () => Promise<void> }
  let openid: OpenidProvider

  before(async function () {
    postgres = await Postgres.start(this)
    const database = { driver: 'pg', ...(await postgres.newDatabase()) }
    portal = await PortalFixture.start({ config: { database } })
    second = await portal.startAnother()
    openid = await OpenidProvider.start({
      redirectUris: [portal.url, second.url].map((url) => `${url}/auth/oidc/callback`),
    })
  })
  after(async () => {
    await openid?.stop()
    await second?.stop()
    await portal?.stop()
    await postgres?.stop()
  })

  it('S9 a sign-out at one ends the session at the other', async () => {
    const provider = await portal.create('/identity_providers', {
      name: 'Example ID',
      type: 'oidc',
      settings: {
        issuer: openid.issuer,
        client_id: OPENID_CLIENT.id,
        client_secret: OPENID_CLIENT.secret,
        allow_http: true,
      },
    })
    const browser = new Browser()
    const callback = await browser.follow(`${portal.url}/example/sign_in/oidc/${provider.id}`, {
      until: (url) => url.startsWith(`${portal.url}/auth/oidc/callback?`),
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
    expect((await at(second.url, '/example/sign_out', { csrf })).status).to.equal(302)
    expect((await at(portal.url)).status).to.equal(302)
  })

  it('a token that is revoked at one closes the channel at the other', async () => {
    const ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    const made = await portal.create(`/actors/${ada.id}/client_tokens`, { name: 'laptop' })
    const { peer } = await ControlPeer.join({ url: second.url, role: 'client', token: made.token })
    await portal.api('DELETE', `/tokens/${made.id}`)
    await peer.closed
  })

  it('P6 is not ready while it does not hear of the other, and then does what it missed', async () => {
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

      const known = logger.next(/not heard of/)
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
      expect(logger.lines.some(({ message }) => /heard of again/.test(message))).to.equal(true)
    } finally {
      await deaf.stop()
    }
  })
})
