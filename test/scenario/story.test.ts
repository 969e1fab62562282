import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import type { HostProblem } from '../../core/runtime/host-problems.ts'
import type { Actor, Policy, Resource } from '../../hosts/portal/store/entities.ts'
import { PluginMetrics } from '../../core/plugin/plugin-metrics.ts'
import { statusOf } from '../../hosts/client/status.ts'
import { gatewayStatusOf } from '../../hosts/gateway/gateway-status.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import type { VirtualClient } from '../kit/virtual-client.ts'
import { VirtualWorld } from '../kit/virtual-world.ts'

const PRINTER = '192.0.2.9'
/** Parts of a status that the machine does not know. */
const ABOUT = {
  account: undefined,
  portalUrl: '',
  deviceKey: '',
  isUsable: true,
  lane: { kind: 'script', reason: '' },
  problems: [],
  pluginMetrics: new PluginMetrics(),
} as const

describe('the whole system in virtual time', () => {
  let world: VirtualWorld
  let ada: Actor
  let staff: { id: string }
  let gitlab: Resource
  let jenkins: Resource
  let printers: Resource
  let client: VirtualClient

  beforeEach(() => {
    world = new VirtualWorld({ transport: new WireGuardTransport() })
    const { portal, site } = world
    site.machine('web', ['10.0.0.5'])
    site.machine('printer', [PRINTER])
    site.name('gitlab.example.org', ['10.0.0.5'])
    site.name('jenkins.example.org', ['10.0.0.5'])
    ada = portal.actor('Ada')
    staff = portal.group('Staff', ada)
    gitlab = portal.resource('dns', 'gitlab.example.org')
    jenkins = portal.resource('dns', 'jenkins.example.org')
    printers = portal.resource('cidr', '192.0.2.0/24')
    world.startGateway('one')
    world.startGateway('two')
    world.clock.advance(100)
  })

  const signIn = () => {
    client = world.startClient('laptop', ada)
    world.clock.advance(200)
  }

  const resolve = (name: string): string => {
    const [address] = client.resolve(name) ?? []
    if (address === undefined) throw new Error(`${name} does not resolve`)
    return address
  }

  /** Sends a packet every 100 ms until the answer comes; returns the milliseconds that took. */
  const reach = (to: string, withinMs: number, port = 80): number | undefined => {
    const before = client.textsFrom(to, port).length
    const answered = () => client.textsFrom(to, port).length > before
    const start = world.clock.now()
    while (!answered() && world.clock.now() - start < withinMs) {
      client.send({ to, port, payload: 'x' })
      world.until(answered, { withinMs: 100 })
    }
    return answered() ? world.clock.now() - start : undefined
  }

  it('S5 a signed-in client brings a name to a mapped address and a packet to the resource and back', () => {
    world.portal.policy(staff.id, gitlab.id)
    signIn()
    const to = resolve('gitlab.example.org')
    expect(to).to.match(/^100\.(9[6-9]|1[01]\d|12[0-7])\./)
    client.send({ to, port: 80, payload: 'hello' })
    expect(world.until(() => client.textsFrom(to, 80).length > 0, { withinMs: 1_000 })).to.be.lessThan(300)
    expect(client.textsFrom(to, 80)).to.deep.equal(['web: hello'])
    expect(world.site.seen).to.have.length(1)
  })

  it('M6 an account whose address ranges change goes on: devices and names have other addresses at once, old ones lead nowhere, and back again', () => {
    world.portal.policy(staff.id, gitlab.id)
    world.portal.policy(staff.id, printers.id)
    signIn()
    const old = resolve('gitlab.example.org')
    expect([reach(old, 1_000), reach(PRINTER, 1_000)]).to.not.include(undefined)
    const ranges = {
      devices_ipv4: '10.200.0.0/16',
      devices_ipv6: 'fd12:3456:789a::/64',
      mapped_ipv4: '198.18.0.0/16',
      mapped_ipv6: 'fd12:3456:789a:1::/64',
    }
    world.portal.moveAddresses(ranges)
    world.clock.advance(100)
    const moved = resolve('gitlab.example.org')
    expect(moved).to.match(/^198\.18\./)
    expect(reach(old, 3_000)).to.equal(undefined)
    expect([reach(moved, 3_000), reach(PRINTER, 3_000)]).to.not.include(undefined)
    expect(reach(moved, 200), 'a path is kept').to.be.lessThan(200)
    world.killGateway('one')
    world.killGateway('two')
    world.startGateway('three')
    expect(reach(moved, 30_000), 'a gateway that comes later is told, too').to.not.equal(undefined)
    world.portal.moveAddresses(null)
    world.clock.advance(100)
    expect(resolve('gitlab.example.org')).to.equal(old)
    expect([reach(old, 3_000), reach(PRINTER, 3_000)]).to.not.include(undefined)
    expect(reach(moved, 1_000)).to.equal(undefined)
  })

  it('S5 a token without its nonce is refused, and the client ends', () => {
    const thief = world.startClientWith('thief', world.portal.signIn(ada, 'a'.repeat(64)))
    world.clock.advance(200)
    expect(thief.ended).to.equal('signed_out')
  })

  it('M4 a gateway whose machine cannot forward is not chosen, nor after the portal has restarted, and is once it can', () => {
    world.portal.policy(staff.id, printers.id)
    const [one, two] = [world.gateways.get('one'), world.gateways.get('two')]
    const problem = { code: 'forward_drop', said: 'a firewall drops the packets of clients', remedy: '', blocks: true }
    const tell = (problems: readonly HostProblem[]) => one?.tell({ type: 'hostProblemsChanged', problems })
    two?.tell({ type: 'hostProblemsChanged', problems: [{ ...problem, blocks: false }] })
    tell([problem])
    world.portal.stop()
    world.clock.advance(5_000)
    world.portal.start()
    world.clock.advance(60_000)
    signIn()
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    world.killGateway('two')
    expect(reach(PRINTER, 20_000), 'nobody is left who can').to.equal(undefined)
    tell([])
    expect(reach(PRINTER, 20_000)).to.not.equal(undefined)
    expect([...new Set(world.site.seen.map(({ gateway }) => gateway))]).to.deep.equal(['two', 'one'])
  })

  it('M4 a client whose gateway cannot forward any more is served by the other one within some seconds, and stays there', () => {
    world.portal.policy(staff.id, printers.id)
    signIn()
    const last = () => world.site.seen.at(-1)?.gateway ?? ''
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    const [before, problem] = [last(), { code: 'forward_drop', said: 'dropped', remedy: '', blocks: true }]
    const tell = (problems: readonly HostProblem[]) =>
      world.gateways.get(before)?.tell({ type: 'hostProblemsChanged', problems })
    tell([problem])
    world.clock.advance(3_100)
    expect(reach(PRINTER, 2_000)).to.not.equal(undefined)
    expect(last()).not.to.equal(before)
    tell([])
    world.clock.advance(1_000)
    expect(reach(PRINTER, 2_000)).to.not.equal(undefined)
    expect(last()).not.to.equal(before)
  })

  it('M4 a client that a problem of its machine blocks is not shown as connected, nor is a resource, and it says why', () => {
    const problem = {
      code: 'contested',
      said: 'another program keeps undoing the routes',
      remedy: 'Look.',
      blocks: true,
    }
    world.portal.policy(staff.id, printers.id)
    signIn()
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    for (const { blocks, state, reached } of [
      { blocks: true, state: 'connecting', reached: 'unreachable' },
      { blocks: false, state: 'connected', reached: 'connected' },
    ]) {
      const status = statusOf(client.state, {
        ...ABOUT,
        clocks: world.clock.pair(),
        problems: [{ ...problem, blocks }],
      })
      const printer = status.resources.find(({ id }) => id === printers.id)
      expect([status.state, printer?.state]).to.deep.equal([state, reached])
      expect(status.problems).to.deep.equal([{ ...problem, blocks }])
      if (blocks) expect(printer?.why.join()).to.contain('portreeve client status')
    }
  })

  it('M4 13 s after its only gateway died a client is not shown as connected, and the gateway as unreachable since then', () => {
    world.killGateway('two')
    world.portal.policy(staff.id, printers.id)
    signIn()
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    const seen = () => statusOf(client.state, { ...ABOUT, clocks: world.clock.pair() })
    expect(seen().gateways[0]).to.deep.include({ lost_at: null, loss: { lost: 0, of: 1 }, not_direct: null })
    expect(seen().gateways[0]?.sent_bytes, 'a packet of one byte').to.equal(29)
    const there = world.gateways.get('one')
    const served = there && gatewayStatusOf(there.state, { ...ABOUT, clocks: world.clock.pair() })
    expect(served?.peers[0]).to.deep.include({ actor: 'Ada', address: client.ipv4, lost_at: null, received_bytes: 29 })
    world.clock.advance(3_000)
    expect(world.portal.paths, 'as the client reports').to.include({ direct: 1, none: 0 })
    world.killGateway('one')
    world.clock.advance(13_000)
    expect(world.portal.paths).to.include({ direct: 0, none: 1 })
    const { state, at, gateways } = seen()
    expect(state).to.equal('limited')
    expect(gateways[0]).to.include({ path: null, path_kind: null, loss: null })
    const since = Date.parse(at ?? '') - Date.parse(gateways[0]?.lost_at ?? '')
    expect(since, 'found within 2.7 s').to.be.within(10_300, 13_000)
  })

  it('M4 a gateway reports how packets go to a client that reports nothing, until it reaches the client no more', () => {
    world.portal.policy(staff.id, printers.id)
    signIn()
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    world.clock.advance(3_000)
    const reporters = () => world.portal.reportedPaths.map(({ kind, reportedBy }) => `${kind}, says the ${reportedBy}`)
    expect(reporters()).to.deep.equal(['direct, says the client'])
    client.kill()
    world.clock.advance(100)
    expect(reporters()).to.deep.equal(['direct, says the gateway'])
    world.clock.advance(60_000)
    expect(reporters()).to.deep.equal([])
  })

  it('M4 a path that nobody used for a minute is checked at once where somebody asks how it does', () => {
    world.portal.policy(staff.id, printers.id)
    signIn()
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    world.clock.advance(60_000)
    const asked = new Date(world.clock.unix()).toISOString()
    const answered = () =>
      statusOf(client.state, { ...ABOUT, clocks: world.clock.pair() }).gateways[0]?.last_answer ?? ''
    client.tell({ type: 'accessWanted', resourceId: printers.id })
    world.clock.advance(50)
    expect(answered() >= asked, `${answered()}, asked at ${asked}`).to.equal(true)
  })

  it('the client’s status says who is signed in where, and which gateway serves what', () => {
    world.portal.policy(staff.id, printers.id)
    signIn()
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    const status = statusOf(client.state, { ...ABOUT, clocks: world.clock.pair() })
    expect(status).to.include({ state: 'connected', account: 'example', actor: 'Ada' })
    expect(status.gateways).to.have.length(1)
    const [{ id, name, path, last_handshake } = { id: '', name: '', path: '', last_handshake: '' }] = status.gateways
    expect(status.gateways[0]?.round_trip_ms, 'there and back again at 5 ms each').to.equal(10)
    expect(name).to.equal(world.site.seen[0]?.gateway)
    expect(path).to.match(/^\[2001:db8:2::10[12]\]:52625$/)
    expect(Date.parse(last_handshake ?? '')).to.be.within(world.clock.unix() - 2_000, world.clock.unix())
    expect(status.resources).to.deep.include({
      id: printers.id,
      name: printers.name,
      address: printers.address,
      state: 'connected',
      gateway_id: id,
      reason: null,
      why: [],
    })
  })

  it('P10 a name that no policy joins to the actor goes upstream, and appears with its policy', () => {
    world.portal.policy(staff.id, gitlab.id)
    signIn()
    const asked: Uint8Array[] = []
    client.upstream = (message) => {
      asked.push(message)
      return undefined
    }
    client.tell({
      type: 'upstreamsFound',
      own: [{ kind: 'system', settings: {}, name: 'system' }],
      system: [],
      searchDomains: [],
    })
    client.resolve('jenkins.example.org')
    expect(asked).to.have.length.greaterThan(0)
    world.portal.policy(staff.id, jenkins.id)
    world.clock.advance(100)
    expect(resolve('jenkins.example.org')).to.not.equal(resolve('gitlab.example.org'))
    expect(reach(resolve('jenkins.example.org'), 1_000)).to.not.equal(undefined)
  })

  it('D9 access to one name gives none to another on the same address', () => {
    const mine = world.portal.policy(staff.id, gitlab.id)
    world.portal.policy(staff.id, jenkins.id)
    signIn()
    const [first, second] = [resolve('gitlab.example.org'), resolve('jenkins.example.org')]
    expect(reach(first, 1_000)).to.not.equal(undefined)
    expect(reach(second, 1_000)).to.not.equal(undefined)
    world.portal.remove('policies', mine.id)
    world.clock.advance(1_000)
    const seen = world.site.seen.length
    expect(reach(first, 3_000)).to.equal(undefined)
    expect(world.site.seen).to.have.length(seen)
    expect(reach(second, 1_000)).to.not.equal(undefined)
  })

  it('P6 a withdrawal reaches the gateway in under a second and is acknowledged', () => {
    const policy = world.portal.policy(staff.id, printers.id)
    signIn()
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    world.portal.remove('policies', policy.id)
    world.clock.advance(100)
    const seen = world.site.seen.length
    expect(reach(PRINTER, 3_000)).to.equal(undefined)
    expect(world.site.seen).to.have.length(seen)
    expect(world.portal.counts?.withdrawals).to.equal(0)
    expect(world.portal.counts?.grants).to.equal(0)
  })

  it('P6 a withdrawal while the portal is away takes effect when it is back', () => {
    const policy = world.portal.policy(staff.id, printers.id)
    signIn()
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    world.portal.stop()
    world.portal.remove('policies', policy.id)
    world.clock.advance(5_000)
    world.portal.start()
    world.clock.advance(10_000)
    const seen = world.site.seen.length
    expect(reach(PRINTER, 3_000)).to.equal(undefined)
    expect(world.site.seen).to.have.length(seen)
  })

  it('P6 access that another policy still grants goes on without a gap', () => {
    const policy = world.portal.policy(staff.id, printers.id)
    world.portal.policy(staff.id, printers.id)
    signIn()
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    for (let n = 0; n < 30; n++) {
      if (n === 10) world.portal.remove('policies', policy.id)
      client.send({ to: PRINTER, port: 9, payload: String(n) })
      world.clock.advance(50)
    }
    world.clock.advance(200)
    expect(client.textsFrom(PRINTER, 9)).to.have.length(30)
  })

  it('P3 access ends with its time window', () => {
    const soon = new Date(world.clock.unix() + 60_000)
    const [from, to] = [new Date(world.clock.unix() - 60_000), soon].map((date) => date.toISOString().slice(11, 16))
    const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
    const settings = { timezone: 'UTC', ranges: [{ days, from, to }] }
    const end = Date.parse(`${soon.toISOString().slice(0, 16)}:00Z`)
    world.portal.policy(staff.id, printers.id, [{ condition: 'time-window', settings }])
    signIn()
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    world.clock.advance(end - world.clock.unix() + 1_000)
    const seen = world.site.seen.length
    expect(reach(PRINTER, 3_000)).to.equal(undefined)
    expect(world.site.seen).to.have.length(seen)
  })

  it('P3 access that a window ended comes back with the next one, though the gateway serves something else all along', () => {
    const clockTime = (minutes: number) => new Date(world.clock.unix() + minutes * 60_000).toISOString().slice(11, 16)
    const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
    const ranges = [
      { days, from: clockTime(-1), to: clockTime(1) },
      { days, from: clockTime(6), to: clockTime(10) },
    ]
    const settings = { timezone: 'UTC', ranges }
    world.portal.policy(staff.id, printers.id, [{ condition: 'time-window', settings }])
    world.portal.policy(staff.id, gitlab.id)
    signIn()
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    expect(reach(resolve('gitlab.example.org'), 1_000)).to.not.equal(undefined)
    world.clock.advance(2 * 60_000)
    expect(reach(PRINTER, 3_000)).to.equal(undefined)
    for (let minute = 0; minute < 4; minute++) {
      expect(reach(resolve('gitlab.example.org'), 5_000), `minute ${minute}`).to.not.equal(undefined)
      world.clock.advance(60_000)
    }
    expect(reach(PRINTER, 5_000)).to.not.equal(undefined)
  })

  it('H3 a portal that restarts interrupts nothing, and new access works after it', () => {
    world.portal.policy(staff.id, gitlab.id)
    world.portal.policy(staff.id, printers.id)
    signIn()
    const to = resolve('gitlab.example.org')
    expect(reach(to, 1_000)).to.not.equal(undefined)
    world.portal.stop()
    for (let n = 0; n < 50; n++) {
      client.send({ to, port: 81, payload: String(n) })
      world.clock.advance(100)
    }
    expect(client.textsFrom(to, 81)).to.have.length(50)
    world.portal.start()
    world.clock.advance(10_000)
    client.send({ to, port: 82, payload: 'still' })
    world.clock.advance(100)
    expect(client.textsFrom(to, 82)).to.deep.equal(['web: still'])
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
  })

  it('H2 a gateway that is cut off is left for the other one within 10 s', () => {
    world.portal.policy(staff.id, printers.id)
    signIn()
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    const first = world.site.seen[0]?.gateway ?? ''
    const host = world.gateways.get(first)?.host
    if (host === undefined) throw new Error('no gateway')
    host.up = false
    const took = reach(PRINTER, 20_000)
    expect(took).to.be.lessThan(10_000)
    expect(world.site.seen.at(-1)?.gateway).to.not.equal(first)
  })

  it('H2 a gateway that stops says goodbye: the client is on the other one within a second', () => {
    world.portal.policy(staff.id, printers.id)
    signIn()
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    const first = world.site.seen[0]?.gateway ?? ''
    world.gateways.get(first)?.tell({ type: 'stopped' })
    world.clock.advance(20)
    world.killGateway(first)
    expect(reach(PRINTER, 5_000)).to.be.lessThan(1_000)
    expect(world.site.seen.at(-1)?.gateway).to.not.equal(first)
  })

  it('H1 clients are spread over the gateways, and each stays with its own', () => {
    world.portal.policy(staff.id, printers.id)
    const clients = Array.from({ length: 12 }, (_, n) => world.startClient(`laptop ${n}`, ada))
    world.clock.advance(200)
    for (let round = 0; round < 3; round++) {
      for (const each of clients) each.send({ to: PRINTER, port: 9, payload: each.name })
      world.clock.advance(500)
    }
    const served = new Map<string, Set<string>>()
    for (const { payload, gateway } of world.site.seen) {
      const name = new TextDecoder().decode(payload)
      served.set(name, (served.get(name) ?? new Set()).add(gateway))
    }
    expect([...served.values()].every(({ size }) => size === 1)).to.equal(true)
    expect(served.size).to.equal(12)
    expect(new Set([...served.values()].flatMap((each) => [...each])).size).to.equal(2)
  })

  it('P1 P8 a request that no policy grants is denied and written down, and the client shows why', () => {
    const policy: Policy = world.portal.policy(staff.id, printers.id, [
      { condition: 'remote-ip', settings: { operator: 'in', ranges: ['192.0.2.0/24'] } },
    ])
    signIn()
    expect(reach(PRINTER, 1_000)).to.equal(undefined)
    expect(client.state.resources.status(world.clock.now())).to.deep.include({
      id: printers.id,
      name: printers.name,
      address: printers.address,
      state: 'denied',
      gateway_id: null,
      reason: 'forbidden',
      why: [
        'Your access to it depends on conditions that do not hold now.',
        'Your address, 198.51.100.10, is not in the ranges that this policy allows.',
      ],
    })
    expect(JSON.stringify(world.portal.decisions)).to.contain(policy.id)
    expect(world.site.seen).to.deep.equal([])
  })

  it('sign-out of a device withdraws what it had', () => {
    world.portal.policy(staff.id, printers.id)
    signIn()
    expect(reach(PRINTER, 1_000)).to.not.equal(undefined)
    const token = world.portal.rows('tokens').find(({ kind }) => kind === 'client')
    world.portal.remove('tokens', token?.id ?? '')
    world.clock.advance(1_000)
    expect(client.ended).to.equal('signed_out')
    const seen = world.site.seen.length
    client.send({ to: PRINTER, port: 80, payload: 'x' })
    world.clock.advance(1_000)
    expect(world.site.seen).to.have.length(seen)
  })
})
