import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { Browser } from '../../../../kit/browser.ts'
import type { PortalFixture } from '../../../../kit/portal-fixture.ts'
import { isCallback } from '../../../../kit/openid-provider.ts'
import { SigningPortal } from '../../../../kit/signing-portal.ts'

const nonce = '0123456789abcdef'.repeat(4)
const state = 'fedcba98'.repeat(32)

describe('S6 a name as long as names may be', () => {
  let desk: SigningPortal
  let portal: PortalFixture
  let provider: { id: string }
  let ada: { id: string }
  before(async () => {
    desk = await SigningPortal.start()
    ;({ portal, provider } = desk)
    ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
  })
  after(() => desk.stop())

  const callbackOf = async (name: string): Promise<URL> => {
    await portal.api('PATCH', `/actors/${ada.id}`, { name })
    await portal.api('PATCH', '/account', { name })
    const browser = new Browser()
    const url = `${portal.url}/example/sign_in/oidc/${provider.id}?as=gui-client&nonce=${nonce}&state=${state}`
    const done = await browser.accept(
      await browser.send(await browser.follow(url, { until: isCallback, login: 'ada' })),
    )
    expect(done.status, name).to.equal(200)
    const handover = await browser.send(`${portal.url}/example/sign_in/client_redirect`)
    return new URL(handover.headers.get('location') ?? '')
  }

  it('S6 a name as long as names may be does not keep its owner out, in whatever letters: the client is told its beginning', async () => {
    for (const name of ['字'.repeat(255), '😀'.repeat(127), 'Ж'.repeat(255), '%'.repeat(255)]) {
      const { searchParams } = await callbackOf(name)
      for (const shown of ['actor_name', 'account_name'].map((key) => searchParams.get(key) ?? '')) {
        expect(shown).to.match(/…$/)
        expect(name.startsWith(shown.slice(0, -1)), shown).to.equal(true)
      }
    }
  })

  it('S6 a long name is told whole where there is room for it', async () => {
    for (const name of ['A'.repeat(255), 'Ж'.repeat(64)]) {
      expect((await callbackOf(name)).searchParams.get('actor_name')).to.equal(name)
    }
  })
})
