import { expect } from 'chai'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, it } from 'mocha'
import { SignIn } from '../../../../../hosts/client/session/sign-in.ts'
import { createRandom } from '../../../../../hosts/runtime/index.ts'
import { Browser } from '../../../../kit/browser.ts'
import { ControlPeer } from '../../../../kit/control-peer.ts'
import { OPENID_CLIENT, OpenidProvider } from '../../../../kit/openid-provider.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

/** A browser that remembers every address that it asked for, as histories and proxies do. */
class WatchedBrowser extends Browser {
  readonly addresses: string[] = []

  override async send(url: string, init: Parameters<Browser['send']>[1] = {}): Promise<Response> {
    this.addresses.push(url)
    return super.send(url, init)
  }
}

describe('the secrets of a whole sign-in', () => {
  let portal: PortalFixture
  let openid: OpenidProvider
  before(async () => {
    portal = await PortalFixture.start()
    openid = await OpenidProvider.start()
  })
  after(async () => {
    await openid.stop()
    await portal.stop()
  })

  it('S5 S8 the secrets of a sign-in are in no log, no command line, no audit trail and no database; and no address holds both halves of the token', async () => {
    await openid.addTo(portal, { is_default: true })
    await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    const signIn = await SignIn.begin({ portalUrl: portal.url, account: 'example', random: createRandom() })
    const browser = new WatchedBrowser()
    const callback = new URL(signIn.url).searchParams.get('callback') ?? ''
    const last = await browser.follow(signIn.url, { until: (url) => url.startsWith(callback), login: 'ada' })
    await browser.send(last)
    const end = await signIn.ended
    if (end.type !== 'signedIn') throw new Error(end.type)
    const token = end.token.reveal()
    const { peer } = await ControlPeer.join({ url: portal.url, role: 'client', token })
    peer.close()
    await peer.closed

    const [nonce = '', body = '', signature = ''] = token.split('.')
    expect(nonce).to.match(/^[0-9a-f]{64}$/)
    const told = JSON.stringify(portal.logger.lines)
    const trail = JSON.stringify((await portal.api('GET', '/audit_log?limit=100')).body)
    const processes = commandLines()
    const rows = databaseOf(portal)
    for (const [what, text] of Object.entries({ told, trail, processes, rows })) {
      for (const secret of [nonce, body, signature, OPENID_CLIENT.secret]) {
        if (what === 'rows' && secret === OPENID_CLIENT.secret) continue // the portal has to show it to the provider
        expect(text.includes(secret), `${what} has a secret`).to.equal(false)
      }
    }
    for (const address of browser.addresses) {
      expect(address.includes(nonce) && address.includes(body), 'both halves in one address').to.equal(false)
      expect(address.includes(OPENID_CLIENT.secret)).to.equal(false)
      // The provider hears of neither half.
      if (address.startsWith(openid.issuer)) expect(address.includes(nonce) || address.includes(body)).to.equal(false)
    }
  })
})

const commandLines = (): string =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      } catch {
        return '' // it has ended
      }
    })
    .join('\n')

/** Every byte of the embedded database, its log included; nothing on PostgreSQL, where the same rows are written. */
const databaseOf = ({ stateFolder }: PortalFixture): string =>
  readdirSync(stateFolder)
    .filter((name) => name.startsWith('portal.sqlite'))
    .map((name) => readFileSync(`${stateFolder}/${name}`, 'latin1'))
    .join('\n')
