import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { PortalFixture, type ApiAnswer } from '../../../kit/portal-fixture.ts'

const ISSUER = 'https://id.example.org'

describe('S15 an account keeps somebody who can get in as its owner', () => {
  let portal: PortalFixture
  beforeEach(async () => {
    portal = await PortalFixture.start()
  })
  afterEach(async () => portal.stop())

  const addProvider = async (name: string) =>
    portal.create('/identity_providers', { name, type: 'oidc', settings: { issuer: ISSUER, client_id: 'portreeve' } })
  const addOwner = async (name: string, email: string | null = null) =>
    portal.create('/actors', { type: 'owner', name, email })
  const link = async (actor: { id: string }, provider: { id: string }) =>
    portal.create('/identities', {
      actor_id: actor.id,
      identity_provider_id: provider.id,
      issuer: ISSUER,
      subject: actor.id,
    })
  const expectLastOwner = ({ status, body }: ApiAnswer) =>
    expect([status, body?.code]).to.deep.equal([409, 'last_owner'])

  it('S15 an account refuses to lose the only owner with an address, though another without one is there, in every way', async () => {
    await addOwner('g')
    const own = `/actors/${portal.admin.id}`
    expectLastOwner(await portal.api('DELETE', own))
    expectLastOwner(await portal.api('PATCH', own, { email: null }))
    expectLastOwner(await portal.api('PATCH', own, { type: 'user' }))
    expectLastOwner(await portal.api('PATCH', own, { type: 'service_account', email: null }))
    expectLastOwner(await portal.api('PATCH', own, { is_disabled: true }))
    expect((await portal.api('GET', own)).body).to.include({
      type: 'owner',
      email: portal.admin.email,
      is_disabled: false,
    })
    await addOwner('h', 'h@example.org')
    expect((await portal.api('PATCH', own, { type: 'user' })).status).to.equal(200)
  })

  it('S15 a disabled owner, and one whose provider is disabled, counts for nobody', async () => {
    const [open, closed] = [await addProvider('Open'), await addProvider('Closed')]
    await link(portal.admin, open)
    const other = await addOwner('Other')
    await link(other, closed)
    await portal.api('PATCH', `/identity_providers/${closed.id}`, { is_disabled: true })
    const own = `/actors/${portal.admin.id}`
    expectLastOwner(await portal.api('DELETE', own))
    await portal.api('PATCH', `/identity_providers/${closed.id}`, { is_disabled: false })
    await portal.api('PATCH', `/actors/${other.id}`, { is_disabled: true })
    expectLastOwner(await portal.api('DELETE', own))
    await portal.api('PATCH', `/actors/${other.id}`, { is_disabled: false })
    expect((await portal.api('DELETE', own)).status).to.equal(204)
  })

  it('S15 an account refuses to close the last provider, and to take away the last identity, by which an owner signs in', async () => {
    const provider = await addProvider('Only')
    const identity = await link(portal.admin, provider)
    expect(
      (await portal.api('PATCH', `/actors/${portal.admin.id}`, { email: null })).status,
      'she has an identity',
    ).to.equal(200)
    const user = await portal.create('/actors', { name: 'User' })
    expectLastOwner(await portal.api('DELETE', `/identities/${identity.id}`))
    expectLastOwner(await portal.api('PATCH', `/identities/${identity.id}`, { actor_id: user.id }))
    expectLastOwner(await portal.api('PATCH', `/identity_providers/${provider.id}`, { is_disabled: true }))
    const refused = await portal.api('DELETE', `/identity_providers/${provider.id}`)
    expectLastOwner(refused)
    expect(refused.body.detail).to.match(/^After this no owner would have an e-mail address or an identity/)
    expect((await portal.api('GET', `/identities/${identity.id}`)).body).to.include({ actor_id: portal.admin.id })
    await link(portal.admin, await addProvider('Second'))
    expect((await portal.api('DELETE', `/identity_providers/${provider.id}?cascade=true`)).status).to.equal(204)
  })

  it('S15 one of two owners may go who leave at once, by two processes where the database is shared', async () => {
    const other = await addOwner('Other', 'other@example.org')
    const { token: given } = await portal.create(`/actors/${other.id}/api_tokens`)
    // Made by herself, so that it does not end with the one who leaves.
    const { token } = (await portal.api('POST', `/actors/${other.id}/api_tokens`, {}, given)).body
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

  it('S15 people who are no owners, and owners whom others can stand in for, may be removed', async () => {
    const provider = await addProvider('Only')
    const user = await portal.create('/actors', { name: 'User', email: 'user@example.org' })
    const identity = await link(user, provider)
    expect((await portal.api('DELETE', `/identities/${identity.id}`)).status).to.equal(204)
    expect((await portal.api('DELETE', `/actors/${user.id}`)).status).to.equal(204)
    expect(
      (await portal.api('PATCH', `/actors/${portal.admin.id}`, { name: 'Root', email: 'r@example.org' })).status,
    ).to.equal(200)
  })

  it('S15 the owners and admins are listed with their ids where an emergency code is for one of several, and one of those is taken', async () => {
    const nameless = await portal.create('/actors', { type: 'admin', name: 'Without an address' })
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
