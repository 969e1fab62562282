import type { ServerResponse } from 'node:http'
import { expect } from 'chai'
import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import { MINUTE, SECOND } from '../../../core/runtime/time.ts'
import { ControlPeer } from '../../kit/control-peer.ts'
import { LoopbackServer } from '../../kit/loopback-server.ts'
import { PackageFolder } from '../../kit/package-folder.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

/** Resolves once something is so. */
const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  const end = Date.now() + PATIENCE_MS
  while (!(await isSo())) if (Date.now() > end) throw new Error('it did not come to be in time')
}

interface Shift {
  email: string
  rota: string
  ends: number
}

/** A rota on HTTP: `/now` has the shifts, `/changes` answers when they change. */
class Rota {
  shifts: Shift[] = []
  #listening: ServerResponse[] = []
  #listeners: (() => void)[] = []

  readonly answer = ({ url }: { url?: string | undefined }, response: ServerResponse): void => {
    if (url === '/now') {
      response.end(JSON.stringify({ shifts: this.shifts }))
      return
    }
    this.#listening.push(response)
    for (const heard of this.#listeners.splice(0)) heard()
  }

  /** Resolves once the plugin waits for a change. */
  async isListenedTo(): Promise<void> {
    if (this.#listening.length > 0) return
    await new Promise<void>((resolve) => {
      this.#listeners.push(resolve)
    })
  }

  sayChanged(): void {
    for (const response of this.#listening.splice(0)) response.end()
  }
}

describe('the on-call rota, an example of a fact source', () => {
  const folder = new PackageFolder()
  const rota = new Rota()
  let clock: VirtualClock
  let server: LoopbackServer
  let portal: PortalFixture
  let client: ControlPeer
  let gateway: ControlPeer
  let resource: { id: string }

  before(async () => {
    folder.linkPeers()
    folder.copyFixture('portreeve-oncall', 'portreeve-oncall')
    server = await LoopbackServer.start(rota.answer)
  })
  after(async () => {
    await server.stop()
    folder.remove()
  })

  beforeEach(async () => {
    clock = new VirtualClock()
    rota.shifts = [{ email: 'ada@example.org', rota: 'database', ends: clock.unix() + 90 * SECOND }]
    portal = await PortalFixture.start({
      clock,
      configFile: folder.configFile,
      config: {
        plugins: [
          { use: 'builtin:selector-random' },
          { use: 'portreeve-oncall', config: { url: `${server.url}/now`, changes: `${server.url}/changes` } },
        ],
      },
    })
    const site = await portal.create('/sites', { name: 'Main' })
    const group = await portal.create('/groups', { name: 'Staff' })
    const ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [ada.id] })
    resource = await portal.create('/resources', {
      name: 'DB',
      type: 'dns',
      address: 'db.example.org',
      site_id: site.id,
    })
    await portal.create('/policies', {
      group_id: group.id,
      resource_id: resource.id,
      conditions: [{ condition: 'on-call', settings: { rota: 'database' } }],
    })
    const token = (await portal.create(`/actors/${ada.id}/client_tokens`, { name: 'laptop' })).token
    const siteToken = (await portal.create(`/sites/${site.id}/gateway_tokens`)).token
    gateway = (await ControlPeer.join({ url: portal.url, role: 'gateway', token: siteToken })).peer
    client = (await ControlPeer.join({ url: portal.url, role: 'client', token })).peer
  })
  afterEach(async () => {
    client.close()
    gateway.close()
    await portal.stop()
    rota.sayChanged()
  })

  const ask = () => client.send('request_authorization', { resource_id: resource.id, connected_gateway_ids: [] })
  const explained = async (): Promise<{ is_allowed: boolean; facts: { name: string }[] }> =>
    (await portal.api('POST', '/policies/explain', { actor: 'ada@example.org', resource: 'DB' })).body
  /** Asks for access, and returns the end that the gateway is told, in seconds. */
  const granted = async (): Promise<number> => {
    ask()
    const { payload } = await gateway.next('create_authorization')
    gateway.send('authorization_created', { ref: payload.ref })
    await client.next('authorization_created')
    return payload.expires_at as number
  }
  /** Lets time pass while both peers say that they are there. */
  const pass = async (milliseconds: number): Promise<void> => {
    for (let left = milliseconds; left > 0; left -= 20 * SECOND) {
      await Promise.all([client.settled(), gateway.settled()])
      clock.advance(Math.min(left, 20 * SECOND))
    }
  }
  const isDenied = async (): Promise<void> => {
    ask()
    expect((await client.next('authorization_creation_failed')).payload.reason).to.equal('forbidden')
  }

  it('P11 ends access to the second at the planned end of a shift', async () => {
    const end = rota.shifts[0]?.ends ?? 0
    expect(await granted()).to.equal(end / SECOND)
    await pass(end - clock.unix() - 1)
    await gateway.settled()
    expect(gateway.frames.map(({ event }) => event)).not.to.include('reject_access')
    clock.advance(1)
    await gateway.next('reject_access')
    expect(clock.unix()).to.equal(end)
    await isDenied()
  })

  it('P11 ends access within a second of the fetch that shows that somebody else is on call', async () => {
    await granted()
    rota.shifts = []
    const fetched = clock.unix() + MINUTE
    await pass(MINUTE)
    await gateway.next('reject_access')
    expect(clock.unix()).to.equal(fetched)
    await isDenied()
  })

  it('P11 ends access at once when the rota says that it changed, and gives it as soon', async () => {
    await granted()
    await rota.isListenedTo()
    clock.advance(SECOND)
    const { shifts } = rota
    rota.shifts = []
    rota.sayChanged()
    await gateway.next('reject_access')
    await isDenied()
    await rota.isListenedTo()
    clock.advance(SECOND)
    rota.shifts = shifts
    rota.sayChanged()
    await until(async () => (await explained()).is_allowed)
    expect(await granted()).to.equal((shifts[0]?.ends ?? 0) / SECOND)
  })

  it('P8 is named by explain: who says so, since when and until when it is good', async () => {
    const body = await explained()
    const duty = body.facts.find(({ name }) => name === 'oncall.duty')
    expect(duty).to.deep.equal({
      name: 'oncall.duty',
      value: [{ rota: 'database', ends: rota.shifts[0]?.ends }],
      source: 'oncall 1.0.0',
      is_proven: true,
      since: new Date(clock.unix()).toISOString(),
      valid_until: new Date(clock.unix() + 3 * MINUTE).toISOString(),
    })
    expect(body.is_allowed).to.equal(true)
  })
})
