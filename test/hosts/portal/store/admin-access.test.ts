import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { PortalFixture, type ApiAnswer } from '../../../kit/portal-fixture.ts'

const ISSUER = 'https://id.example.org'

describe('S15 an account keeps somebody who can get in as its admin', () => {
  let portal: PortalFixture
  beforeEach(async () => {
    portal = await PortalFixture.start()
  })
  afterEach(async () => portal.stop())

  const addProvider = async (name: string) =>
    portal.create('/identity_providers', { name, type: 'oidc', settings: { issuer: ISSUER, client_id: 'portreeve' } })
  const addAdmin = async (name: string, email: string | null = null) =>
    portal.create('/actors', { type: 'admin', name, email })
  const link = async (actor: { id: string }, provider: { id: string }) =>
    portal.create('/identities', {
      actor_id: actor.id,
      identity_provider_id: provider.id,
      issuer: ISSUER,
      subject: actor.id,
    })
  const expectLastAdmin = ({ status, body }: ApiAnswer) =>
    expect([status, body?.code]).to.deep.equal([409, 'last_admin'])

  it('S15 an account refuses to lose the only admin with an address, though another without one is there, in every way', async () => {
    await addAdmin('g')
    const own = `/actors/${portal.admin.id}`
    expectLastAdmin(await portal.api('DELETE', own))
    expectLastAdmin(await portal.api('PATCH', own, { email: null }))
    expectLastAdmin(await portal.api('PATCH', own, { type: 'user' }))
    expectLastAdmin(await portal.api('PATCH', own, { type: 'service_account', email: null }))
    expectLastAdmin(await portal.api('PATCH', own, { is_disabled: true }))
    expect((await portal.api('GET', own)).body).to.include({
      type: 'admin',
      email: portal.admin.email,
      is_disabled: false,
    })
    await addAdmin('h', 'h@example.org')
    expect((await portal.api('PATCH', own, { type: 'user' })).status).to.equal(200)
  })

  it('S15 a disabled admin, and one whose provider is disabled, counts for nobody', async () => {
    const [open, closed] = [await addProvider('Open'), await addProvider('Closed')]
    await link(portal.admin, open)
    const other = await addAdmin('Other')
    await link(other, closed)
    await portal.api('PATCH', `/identity_providers/${closed.id}`, { is_disabled: true })
    const own = `/actors/${portal.admin.id}`
    expectLastAdmin(await portal.api('DELETE', own))
    await portal.api('PATCH', `/identity_providers/${closed.id}`, { is_disabled: false })
    await portal.api('PATCH', `/actors/${other.id}`, { is_disabled: true })
    expectLastAdmin(await portal.api('DELETE', own))
    await portal.api('PATCH', `/actors/${other.id}`, { is_disabled: false })
    expect((await portal.api('DELETE', own)).status).to.equal(204)
  })

  it('S15 an account refuses to close the last provider, and to take away the last identity, by which an admin signs in', async () => {
    const provider = await addProvider('Only')
    const robot = await portal.create('/actors', { type: 'service_account', name: 'Robot' })
    const { token } = await portal.create(`/actors/${robot.id}/api_tokens`)
    const identity = await link(portal.admin, provider)
    const as = async (method: string, path: string, body?: unknown) => portal.api(method, path, body, token)
    expect((await as('PATCH', `/actors/${portal.admin.id}`, { email: null })).status, 'she has an identity').to.equal(
      200,
    )
    const user = await portal.create('/actors', { name: 'User' })
    expectLastAdmin(await as('DELETE', `/identities/${identity.id}`))
    expectLastAdmin(await as('PATCH', `/identities/${identity.id}`, { actor_id: user.id }))
    expectLastAdmin(await as('PATCH', `/identity_providers/${provider.id}`, { is_disabled: true }))
    const refused = await as('DELETE', `/identity_providers/${provider.id}`)
    expectLastAdmin(refused)
    expect(refused.body.detail).to.match(/^After this no admin would have an e-mail address or an identity/)
    expect((await portal.api('GET', `/identities/${identity.id}`)).body).to.include({ actor_id: portal.admin.id })
    await link(portal.admin, await addProvider('Second'))
    expect((await as('DELETE', `/identity_providers/${provider.id}`)).status).to.equal(204)
  })

  it('S15 one of two admins may go who leave at once, by two processes where the database is shared', async () => {
    const other = await addAdmin('Other', 'other@example.org')
    const { token } = await portal.create(`/actors/${other.id}/api_tokens`)
    const second = process.env['PORTREEVE_TEST_POSTGRES'] === undefined ? undefined : await portal.startAnother()
    try {
      const leave = async (url: string, id: string, bearer: string) =>
        (
          await fetch(`${url}/api/v1/actors/${id}`, {
            method: 'DELETE',
            headers: { authorization: `Bearer ${bearer}` },
          })
        ).status
      const statuses = await Promise.all([
        leave(portal.url, portal.admin.id, portal.token),
        leave(second?.url ?? portal.url, other.id, token),
      ])
      expect(statuses.toSorted()).to.deep.equal([204, 409])
    } finally {
      await second?.stop()
    }
  })

  it('S15 people who are no admins, and admins whom others can stand in for, may be removed', async () => {
    const provider = await addProvider('Only')
    const user = await portal.create('/actors', { name: 'User', email: 'user@example.org' })
    const identity = await link(user, provider)
    expect((await portal.api('DELETE', `/identities/${identity.id}`)).status).to.equal(204)
    expect((await portal.api('DELETE', `/actors/${user.id}`)).status).to.equal(204)
    expect(
      (await portal.api('PATCH', `/actors/${portal.admin.id}`, { name: 'Root', email: 'r@example.org' })).status,
    ).to.equal(200)
  })

  it('S15 the admins are listed with their ids where an emergency code is for one of several, and one of those is taken', async () => {
    const nameless = await addAdmin('Without an address')
    const failed = await portal.makeEmergencyCode().then(
      () => undefined,
      (error: Error & { remedy?: string }) => error,
    )
    expect(failed?.remedy).to.contain(`${nameless.id}  (no e-mail address)  Without an address`)
    expect(failed?.remedy).to.contain(`${portal.admin.id}  ${portal.admin.email}`)
    expect((await portal.makeEmergencyCode({ adminId: nameless.id.toUpperCase() })).admin).to.deep.equal({
      id: nameless.id,
      email: null,
    })
    expect((await portal.makeEmergencyCode({ adminEmail: 'ADMIN@example.org' })).admin.id).to.equal(portal.admin.id)
  })
})
