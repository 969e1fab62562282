import { expect } from 'chai'
import { after, afterEach, before, describe, it } from 'mocha'
import { ControlPeer, keyOf, type ConnectRefused, type PeerOptions } from '../../../kit/control-peer.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'
import { PATIENCE_MS } from '../../../kit/patience.ts'

/**
 * Resources of the account, with as many filters each as there may be: whoever joins is told of them in 700 KB, many times what the system's own
 * buffers hold.
 */
const RESOURCES = 90
const INIT_BYTES = 700_000

describe('P12 bounds of the control channel', function () {
  this.timeout(300_000)
  let portal: PortalFixture
  let tokens: Record<'ada' | 'eve' | 'gateway', string>
  const open: ControlPeer[] = []

  before(async () => {
    const limits = {
      devices_per_actor: 5,
      gateways_per_site: 2,
      connections_per_actor: 4,
      connects_per_minute: 2,
      unsent_kib_per_connection: 256,
      unsent_kib_per_actor: 1_024,
    }
    portal = await PortalFixture.start({ config: { limits } })
    const site = await portal.create('/sites', { name: 'Main' })
    const group = await portal.create('/groups', { name: 'Staff' })
    const [ada, eve] = [
      await portal.create('/actors', { name: 'Ada' }),
      await portal.create('/actors', { name: 'Eve' }),
    ]
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [ada.id, eve.id] })
    const ports = Array.from({ length: 64 }, (_, port) => String(10_000 + 2 * port))
    const filters = ['tcp', 'udp'].map((protocol) => ({ protocol, ports }))
    const make = async (index: number): Promise<void> => {
      const address = `service-${index}.example.org`
      const about = { name: address, type: 'dns', address, filters, site_id: site.id }
      const { id } = await portal.create('/resources', about)
      await portal.create('/policies', { group_id: group.id, resource_id: id })
    }
    await Promise.all(Array.from({ length: RESOURCES }, (_, index) => make(index)))
    tokens = {
      ada: (await portal.create(`/actors/${ada.id}/client_tokens`)).token as string,
      eve: (await portal.create(`/actors/${eve.id}/client_tokens`)).token as string,
      gateway: (await portal.create(`/sites/${site.id}/gateway_tokens`)).token as string,
    }
  })
  after(async () => portal.stop())
  afterEach(async () => {
    for (const peer of open.splice(0)) {
      peer.close()
      await peer.closed
    }
  })

  const connect = async (who: keyof typeof tokens, externalId: string): Promise<ControlPeer> => {
    const role: PeerOptions['role'] = who === 'gateway' ? 'gateway' : 'client'
    const about = { role, token: tokens[who], externalId, publicKey: keyOf(`${who} ${externalId}`) }
    const peer = await ControlPeer.connect({ url: portal.url, ...about })
    open.push(peer)
    return peer
  }

  const refused = async (who: keyof typeof tokens, externalId: string): Promise<ConnectRefused> =>
    connect(who, externalId).then(
      () => Promise.reject(new Error('was not refused')),
      (error: Error) => error.cause as ConnectRefused,
    )

  const leave = async (...peers: ControlPeer[]): Promise<void> => {
    for (const peer of peers) {
      peer.close()
      await peer.closed
    }
    open.splice(0)
  }

  const figure = async (name: string): Promise<number> => {
    const text = await (await fetch(`${portal.url}/metrics`)).text()
    return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN)
  }

  it('P12 peers that send requests and do not read are cut off, and others are not', async () => {
    const reader = await connect('ada', 'reader')
    reader.send('phx_join', null)
    expect(JSON.stringify(await reader.next('init')).length).to.be.above(INIT_BYTES)
    const before = await figure('portreeve_portal_control_unread_total')
    const deaf = await Promise.all([connect('eve', 'asks'), connect('eve', 'pings')])
    for (const { socket } of deaf) socket.pause()
    const [asking, pinging] = deaf
    const cutOff = async (most: number) => (await figure('portreeve_portal_control_unread_total')) - before >= most
    await eventually(async () => {
      asking.send('phx_join', null)
      return cutOff(1)
    })
    await eventually(async () => {
      for (let round = 0; round < 2_000; round++) pinging.socket.ping('x'.repeat(125))
      return cutOff(2)
    })
    await reader.settled()
    await leave(reader)
  })

  it('P12 a further connection of an actor is refused with 402 and words, and not one of another actor', async () => {
    const connected = [
      await connect('ada', 'one'),
      await connect('ada', 'two'),
      await connect('ada', 'reader'),
      await connect('ada', 'four'),
    ]
    const { status, headers, body } = await refused('ada', 'five')
    expect([status, body.code, (body as { reason?: string }).reason]).to.deep.equal([
      402,
      'limits_exceeded',
      'connections',
    ])
    expect((body as { detail?: string }).detail)
      .to.include('have 4 connections')
      .and.to.include('limits.connections_per_actor')
    expect(Number(headers['retry-after'])).to.be.above(0)
    await connect('eve', 'asks')
    expect(connected).to.have.length(4)
  })

  it('P12 a device too many is refused, and those that there are go on', async () => {
    for (const name of ['one', 'two', 'reader', 'four', 'five']) await leave(await connect('ada', name))
    const { body } = await refused('ada', 'six')
    expect(body).to.include({ status: 402, code: 'limits_exceeded', reason: 'devices_per_actor' })
    expect((body as { detail?: string }).detail).to.include('has 5 devices')
    await connect('ada', 'one')
    await connect('eve', 'six')
  })

  it('P12 a gateway too many is refused', async () => {
    for (const name of ['one', 'two']) await connect('gateway', name)
    const { body } = await refused('gateway', 'three')
    expect(body).to.include({ status: 402, code: 'limits_exceeded', reason: 'gateways_per_site' })
  })

  it('P12 a device that connects too often waits, and others do not', async () => {
    const often = async (): Promise<ConnectRefused> => {
      for (let round = 0; round < 20; round++) {
        const answer = await connect('eve', 'six').then(
          async (peer) => leave(peer),
          (error: Error) => error.cause as ConnectRefused,
        )
        if (answer !== undefined) return answer
      }
      throw new Error('was never refused')
    }
    const { status, headers, body } = await often()
    expect([status, body.code]).to.deep.equal([503, 'rate_limit'])
    expect(Number(headers['retry-after'])).to.be.above(0)
    await connect('eve', 'asks')
  })
})

/** Checks again, in another turn of the event loop each time, until the condition holds. */
const eventually = async (check: () => Promise<boolean>): Promise<void> => {
  const end = Date.now() + PATIENCE_MS
  while (!(await check())) {
    if (Date.now() > end) throw new Error('did not happen in time')
    await new Promise((resolve) => setImmediate(resolve))
  }
}
