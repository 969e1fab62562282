import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { HOUR, MINUTE, SECOND } from '../../../../core/runtime/time.ts'
import { Browser } from '../../../kit/browser.ts'
import { ControlPeer, type ConnectRefused } from '../../../kit/control-peer.ts'
import { isCallback, OpenidProvider } from '../../../kit/openid-provider.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const nonce = '0123456789abcdef'.repeat(4)
const state = 'fedcba9876543210'.repeat(4)

describe('lifetimes that an admin set for a provider', () => {
  let portal: PortalFixture
  let openid: OpenidProvider
  let clock: VirtualClock
  let ids: { short: string; long: string }

  before(async () => {
    clock = new VirtualClock({ startUnix: Date.now() }) // the provider has a clock of its own
    portal = await PortalFixture.start({ clock })
    openid = await OpenidProvider.start()
    const ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    const add = async (name: string, lifetimes: object): Promise<string> => {
      const { id } = await openid.addTo(portal, { name, ...lifetimes })
      const whom = { actor_id: ada.id, issuer: openid.issuer, subject: 'ada' }
      await portal.create('/identities', { ...whom, identity_provider_id: id })
      return id
    }
    ids = {
      short: await add('Short ID', { client_token_lifetime_seconds: 3_600, session_lifetime_seconds: 300 }),
      long: await add('Long ID', { client_token_lifetime_seconds: 7_200, session_lifetime_seconds: 86_400 }),
    }
  })
  after(async () => {
    await openid?.stop()
    await portal?.stop()
  })

  /** Signs a person in; returns the answer to her callback, and her browser. */
  const signIn = async (providerId: string, query: string): Promise<{ answer: Response; browser: Browser }> => {
    const browser = new Browser()
    const callback = await browser.follow(`${portal.url}/example/sign_in/oidc/${providerId}?${query}`, {
      until: isCallback,
      login: 'ada',
    })
    return { answer: await browser.accept(await browser.send(callback)), browser }
  }

  const clientToken = async (providerId: string): Promise<string> => {
    const { answer } = await signIn(providerId, `as=headless-client&nonce=${nonce}&state=${state}`)
    const fragment = /<textarea[^>]*>([^<]+)</.exec(await answer.text())?.[1] ?? ''
    expect(fragment).to.match(/^\./)
    return nonce + fragment
  }

  const join = async (token: string, externalId: string): Promise<ControlPeer> =>
    (await ControlPeer.join({ url: portal.url, role: 'client', token, externalId })).peer

  it('S5 a provider’s lifetimes end a client’s token at its moment: the channel closes with the word that signs it out, and it is not let in again', async () => {
    const [short, long] = [await clientToken(ids.short), await clientToken(ids.long)]
    clock.advance(HOUR - 20 * SECOND)
    const [ending, staying] = [await join(short, 'short'), await join(long, 'long')]
    clock.advance(19 * SECOND)
    await ending.settled()
    expect(ending.frames.map(({ event }) => event)).not.to.include('disconnect')
    await staying.settled()
    clock.advance(2 * SECOND)
    expect((await ending.next('disconnect')).payload).to.deep.equal({ reason: 'token_expired' })
    await ending.closed
    await staying.settled()
    const refused = await join(short, 'short').catch((error: unknown) => (error as { cause: ConnectRefused }).cause)
    expect(refused).to.deep.include({ status: 401 })
    expect((refused as ConnectRefused).body.code).to.be.oneOf(['invalid_token', 'token_expired'])
    staying.close()
  })

  it('S5 S9 a provider’s lifetimes end a browser’s session at its moment, and leave another provider’s alone', async () => {
    const [short, long] = [await signIn(ids.short, ''), await signIn(ids.long, '')]
    const home = async ({ browser }: { browser: Browser }): Promise<number> =>
      (await browser.send(`${portal.url}/example/home`)).status
    clock.advance(5 * MINUTE - SECOND)
    expect([await home(short), await home(long)]).to.deep.equal([200, 200])
    clock.advance(2 * SECOND)
    expect([await home(short), await home(long)]).to.deep.equal([302, 200])
    const again = await short.browser.send(`${portal.url}/example/home`)
    expect(again.headers.get('location')).to.equal('/example?redirect_to=%2Fexample%2Fhome')
  })

  it('S5 a provider’s lifetimes that are set later count for the next sign-in, and those out of bounds are refused', async () => {
    const patch = async (body: object) => portal.api('PATCH', `/identity_providers/${ids.long}`, body)
    expect((await patch({ client_token_lifetime_seconds: 3_600 })).status).to.equal(200)
    await clientToken(ids.long)
    const actors = (await portal.api('GET', '/actors?limit=100')).body.data as { id: string; name: string }[]
    const ada = actors.find(({ name }) => name === 'Ada')?.id ?? ''
    const tokens = (await portal.api('GET', `/actors/${ada}/client_tokens`)).body.data as Record<string, string>[]
    const lifetimes = tokens
      .filter((token) => token['identity_provider_id'] === ids.long)
      .map((token) => Date.parse(token['expires_at'] ?? '') - Date.parse(token['created_at'] ?? ''))
    expect(lifetimes).to.deep.equal([2 * HOUR, HOUR])
    for (const wrong of [
      { client_token_lifetime_seconds: 3_599 },
      { client_token_lifetime_seconds: 90 * 86_400 + 1 },
      { session_lifetime_seconds: 299 },
      { session_lifetime_seconds: 86_401 },
    ])
      expect((await patch(wrong)).status, JSON.stringify(wrong)).to.equal(422)
  })
})
