import { expect } from 'chai'
import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import { deviceKeyFingerprint, DEVICE_PROOF_HEADER, deviceProof } from '../../../../core/control/device-proof.ts'
import { DAY, HOUR, unixTime } from '../../../../core/runtime/time.ts'
import { ControlPeer, deviceKeyOf, keyOf, type ConnectRefused, type PeerOptions } from '../../../kit/control-peer.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'

type Connecting = Partial<PeerOptions>

const LAPTOP = deviceKeyOf('the laptop')
const COPY = deviceKeyOf('the copy')

describe('a verified device is the one that has its key', () => {
  let portal: PortalFixture
  let actor: string
  let token: string
  let resource: string
  let devices = 0
  let externalId: string
  const open: ControlPeer[] = []

  before(async () => {
    portal = await PortalFixture.start()
    const ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    actor = ada.id as string
    const site = await portal.create('/sites', { name: 'Main' })
    const group = await portal.create('/groups', { name: 'Staff' })
    await portal.api('PATCH', `/groups/${group.id}/memberships`, { add: [actor] })
    const made = await portal.create('/resources', {
      name: 'printers',
      type: 'cidr',
      address: '198.51.100.0/24',
      site_id: site.id,
    })
    resource = made.id as string
    await portal.create('/policies', {
      group_id: group.id,
      resource_id: resource,
      description: 'Verified laptops',
      conditions: [{ condition: 'client-verified', settings: {} }],
    })
    token = (await portal.create(`/actors/${actor}/client_tokens`)).token as string
  })
  after(async () => portal.stop())
  beforeEach(() => {
    externalId = `laptop ${++devices}`
  })
  afterEach(async () => {
    for (const peer of open.splice(0)) await leave(peer)
  })

  const join = async (options: Connecting): Promise<ControlPeer> => {
    const { peer } = await ControlPeer.join({ url: portal.url, role: 'client', token, externalId, ...options })
    open.push(peer)
    return peer
  }
  const tunnelKey = () => keyOf(`tunnel ${devices}`)
  const leave = async (peer: ControlPeer): Promise<void> => {
    peer.close()
    await peer.closed
  }
  const visit = async (options: Connecting): Promise<void> => leave(await join(options))
  const refused = async (options: Connecting): Promise<ConnectRefused> =>
    join(options).then(
      () => Promise.reject(new Error('was not refused')),
      (error: Error) => error.cause as ConnectRefused,
    )
  const row = async () => {
    const { body } = await portal.api('GET', '/clients?limit=100')
    return (body.data as { external_id: string; id: string; [name: string]: unknown }[]).find(
      (client) => client.external_id === externalId,
    )
  }
  const verify = async (body: unknown = { is_verified: true }) =>
    portal.api('PATCH', `/clients/${(await row())?.id}`, body)
  /**
   * Requests the resource and returns the denial as JSON. It has nothing about conditions if they hold and only a
   * gateway is missing.
   */
  const denial = async (peer: ControlPeer): Promise<string> => {
    peer.send('set_capabilities', { features: ['denial_details'] })
    peer.send('request_authorization', { resource_id: resource, connected_gateway_ids: [] })
    const { payload } = await peer.next('authorization_creation_failed')
    return JSON.stringify(payload)
  }

  it('an admin is shown the device key that she vouches for', async () => {
    await visit({ deviceKey: LAPTOP })
    expect(await row()).to.include({
      device_key: deviceKeyFingerprint(LAPTOP.publicKey),
      is_proven: true,
      is_verified: false,
      verified_at: null,
    })
    expect((await verify()).body).to.include({ is_verified: true, is_proven: true, accepts_unproven: false })
    expect((await row())?.proven_at).to.be.a('string')
  })

  for (const [who, copier] of [
    ['without a key', {}],
    ['with a key of its own', { deviceKey: COPY }],
    ['with the tunnel key of the verified one', { deviceKey: COPY, sharesTunnelKey: true }],
  ] as const) {
    const copy = () => {
      const { sharesTunnelKey, ...shown }: Connecting & { sharesTunnelKey?: boolean } = copier
      return { publicKey: sharesTunnelKey === true ? tunnelKey() : keyOf(`copy ${devices}`), ...shown }
    }
    it(`a copy of the id ${who} is served as not verified, and the reason is given`, async () => {
      await visit({ deviceKey: LAPTOP, publicKey: tunnelKey() })
      await verify()
      const copied = await join(copy())
      expect(await denial(copied))
        .to.include('forbidden')
        .and.include('did not prove that it is the one that was verified')
      expect(await row()).to.include({
        device_key: deviceKeyFingerprint(LAPTOP.publicKey),
        is_proven: false,
        is_verified: false,
      })
      expect((await row())?.verified_at).to.be.a('string')
    })

    it(`the verified device gets the place of a copy ${who} at once, as verified`, async () => {
      await visit({ deviceKey: LAPTOP, publicKey: tunnelKey() })
      await verify()
      const copied = await join(copy())
      const laptop = await join({ deviceKey: LAPTOP, publicKey: tunnelKey() })
      await copied.closed
      expect(await row()).to.include({ is_proven: true, is_verified: true })
      expect(await denial(laptop))
        .to.include('offline')
        .and.not.include('forbidden')
      expect((await refused(copy())).body).to.include({ reason: 'already_connected' })
      await laptop.settled()
      expect(await row()).to.include({ is_proven: true, is_verified: true })
    })
  }

  it('a copied device id is explained to an admin', async () => {
    await visit({ deviceKey: LAPTOP })
    await verify()
    await visit({ deviceKey: COPY })
    const { body } = await portal.api('POST', '/policies/explain', { actor, resource, client_id: (await row())?.id })
    expect(JSON.stringify(body)).to.include('did not prove that it is the one that was verified')
  })

  it('a connect without the device key is written down', async () => {
    await visit({ deviceKey: LAPTOP })
    await verify()
    await visit({ deviceKey: COPY })
    const id = (await row())?.id
    const { body } = await portal.api('GET', `/audit_log?limit=5&entity_id=${id}`)
    expect(JSON.stringify(body.data[0])).to.include('"is_proven":false')
  })

  it('the first key of a row that nobody verified is kept: a copy cannot be verified under it', async () => {
    await visit({ deviceKey: LAPTOP })
    await visit({ deviceKey: COPY })
    await verify()
    expect(await row()).to.include({
      device_key: deviceKeyFingerprint(LAPTOP.publicKey),
      is_verified: false,
    })
    await visit({ deviceKey: LAPTOP })
    expect(await row()).to.include({ is_verified: true })
  })

  it('a device without a key is not vouched for, unless that is said', async () => {
    await visit({})
    const answer = await verify()
    expect(answer.status).to.equal(409)
    expect(answer.body.code).to.equal('device_unproven')
    expect(answer.body.detail).to.include('"accept_unproven": true')
    expect(await row()).to.include({ verified_at: null, is_verified: false })
    const accepted = await verify({ is_verified: true, accept_unproven: true })
    expect(accepted.body).to.include({ is_verified: true, accepts_unproven: true, device_key: null })
    const peer = await join({})
    expect(await denial(peer)).to.include('offline')
    expect((await verify({ is_verified: false })).body).to.include({ is_verified: false, accepts_unproven: false })
    expect((await verify({ accept_unproven: true })).status).to.equal(422)
  })

  it('a device’s key is vouched for where there is one, though a device without one would be accepted', async () => {
    await visit({ deviceKey: LAPTOP })
    expect((await verify({ is_verified: true, accept_unproven: true })).body).to.include({ accepts_unproven: false })
    await visit({})
    expect(await row()).to.include({ is_verified: false })
  })

  it('a device proof is refused if it is malformed or of another connect, token, role or day', async () => {
    const now = unixTime(Date.now())
    const publicKey = tunnelKey()
    const about = { role: 'client', externalId, publicKey, token } as const
    const proof = deviceProof(LAPTOP, about, now)
    const headers: Record<string, string> = {
      'no proof': 'v1.yes',
      'two proofs': `${proof}, ${proof}`,
      'a long text': 'v'.repeat(8_000),
      'a changed signature': proof.slice(0, -4) + (proof.endsWith('AAAA') ? 'BBBA' : 'AAAA'),
      'of another tunnel key': deviceProof(LAPTOP, { ...about, publicKey: keyOf('another') }, now),
      'of another id': deviceProof(LAPTOP, { ...about, externalId: 'another' }, now),
      'of another token': deviceProof(LAPTOP, { ...about, token: 'another' }, now),
      'of a gateway': deviceProof(LAPTOP, { ...about, role: 'gateway' }, now),
      'of the day before': deviceProof(LAPTOP, about, unixTime(now - DAY - HOUR)),
      'of the day after': deviceProof(LAPTOP, about, unixTime(now + DAY + HOUR)),
    }
    for (const [what, header] of Object.entries(headers)) {
      const { status, body } = await refused({ publicKey, headers: { [DEVICE_PROOF_HEADER]: header } })
      expect({ status, code: body.code }, what).to.deep.equal({ status: 400, code: 'invalid_connect_params' })
    }
    expect(await row()).to.equal(undefined)
    await visit({ publicKey, headers: { [DEVICE_PROOF_HEADER]: proof } })
    expect(await row()).to.include({ is_proven: true })
  })
})
