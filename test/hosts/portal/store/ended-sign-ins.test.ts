import { expect } from 'chai'
import { after, before, beforeEach, describe, it } from 'mocha'
import { Browser } from '../../../kit/browser.ts'
import { ControlPeer } from '../../../kit/control-peer.ts'
import type { PortalFixture } from '../../../kit/portal-fixture.ts'
import { isCallback } from '../../../kit/openid-provider.ts'
import { SigningPortal } from '../../../kit/signing-portal.ts'

const nonce = '0123456789abcdef'.repeat(4)
const state = 'fedcba9876543210'.repeat(4)
const CLIENT = `as=gui-client&nonce=${nonce}&state=${state}`

describe('what was signed in to', () => {
  let desk: SigningPortal
  let portal: PortalFixture
  let provider: { id: string }
  let ada: { id: string }

  before(async () => {
    desk = await SigningPortal.start()
    ;({ portal, provider } = desk)
  })
  after(() => desk.stop())
  beforeEach(async () => {
    if ((ada as typeof ada | undefined) !== undefined) await portal.api('DELETE', `/actors/${ada.id}`)
    ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
  })

  const signIn = async (query: string, browser = new Browser()): Promise<Response> => {
    const callback = await browser.follow(`${portal.url}/example/sign_in/oidc/${provider.id}?${query}`, {
      until: isCallback,
      login: 'ada',
    })
    return browser.accept(await browser.send(callback))
  }

  /** Signs a person in at a client with its channel, and in a browser with its session. */
  const signInBoth = async () => {
    const [device, browser] = [new Browser(), new Browser()]
    expect((await signIn(CLIENT, device)).status).to.equal(200)
    const handover = await device.send(`${portal.url}/example/sign_in/client_redirect`)
    const fragment = new URL(handover.headers.get('location') ?? '').searchParams.get('fragment') ?? ''
    const token = `${nonce}${fragment}`
    const { peer } = await ControlPeer.join({ url: portal.url, role: 'client', token })
    expect((await signIn('', browser)).status).to.equal(302)
    const home = async () => (await browser.send(`${portal.url}/example/home`)).status
    expect(await home()).to.equal(200)
    return { peer, home }
  }

  const identity = async (): Promise<{ id: string }> => (await portal.api('GET', '/identities')).body.data[0]
  const tokens = async () => (await portal.api('GET', `/actors/${ada.id}/client_tokens`)).body.data as unknown[]

  it('S9 a sign-in ends where its identity is removed, and does not come back with the next sign-in', async () => {
    const { peer, home } = await signInBoth()
    expect((await portal.api('DELETE', `/identities/${(await identity()).id}`)).status).to.equal(204)
    await peer.closed
    expect(await tokens()).to.deep.equal([])
    expect(await home()).to.equal(302)
    expect((await signIn(CLIENT)).status).to.equal(200)
    expect(await home()).to.equal(302)
  })

  it('S9 a sign-in ends where its identity is given to another actor', async () => {
    const eve = await portal.create('/actors', { name: 'Eve' })
    const made = await portal.create(`/actors/${ada.id}/client_tokens`, { name: "an admin's" })
    const { peer, home } = await signInBoth()
    await portal.api('PATCH', `/identities/${(await identity()).id}`, { actor_id: eve.id })
    await peer.closed
    expect(await tokens())
      .to.have.length(1)
      .and.have.nested.property('[0].id', made.id)
    expect(await home()).to.equal(302)
    await portal.api('DELETE', `/actors/${eve.id}`)
  })

  it('S9 a sign-in ends where a person is made a service account, which has no address and does not sign in', async () => {
    const { peer, home } = await signInBoth()
    const withAddress = await portal.api('PATCH', `/actors/${ada.id}`, { type: 'service_account' })
    expect(withAddress).to.have.nested.property('body.errors[0].path', 'email')
    expect(withAddress.status).to.equal(422)
    expect(await home()).to.equal(200)
    expect((await portal.api('PATCH', `/actors/${ada.id}`, { type: 'service_account', email: null })).status).to.equal(
      200,
    )
    await peer.closed
    expect(await tokens()).to.deep.equal([])
    expect((await portal.api('GET', '/identities')).body.data).to.deep.equal([])
    expect((await signIn(CLIENT)).status).to.equal(403)
    expect((await portal.api('PATCH', `/actors/${ada.id}`, { email: 'ada@example.org' })).status).to.equal(422)
    expect(
      (await portal.api('PATCH', `/actors/${ada.id}`, { type: 'user', email: 'ada@example.org' })).status,
    ).to.equal(200)
    expect(await home()).to.equal(302)
  })
})
