import { expect } from 'chai'
import { describe, it } from 'mocha'
import { encodeChannelData } from '../../core/turn/channel-data.ts'
import { endpoint } from '../../core/runtime/endpoint.ts'
import { MINUTE, SECOND } from '../../core/runtime/time.ts'
import { gatewayStatusOf } from '../../hosts/gateway/gateway-status.ts'
import { peerPath } from '../../hosts/peer/peer-path.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import type { NatKind } from '../kit/virtual-nat.ts'
import { VirtualWorld, type Place } from '../kit/virtual-world.ts'

const PRINTER = '192.0.2.9'
const PORT = 52_625

interface Setting {
  relays?: number
  /** NAT that both ends are behind, each one of its own; undefined: both are on the Internet. */
  nats?: NatKind | undefined
  hasStun?: boolean
}

/** A client that may reach a printer through a gateway, and relays. */
const settle = ({ relays = 2, nats, hasStun = false }: Setting) => {
  const world = new VirtualWorld({ transport: new WireGuardTransport(), hasStun })
  world.network.setEverywhere({ latencyMs: 10 })
  const { portal, site } = world
  site.machine('printer', [PRINTER])
  const actor = portal.actor('ada')
  portal.policy(portal.group('staff', actor).id, portal.resource('cidr', `${PRINTER}/32`).id)
  for (let number = 1; number <= relays; number++) world.startRelay(`relay-${number}`)
  const place = (inside: string, outside: string): Place =>
    nats === undefined ? { addresses: [outside] } : { addresses: [inside], nat: world.nat({ kind: nats, outside }) }
  const gateway = world.startGateway('one', portal.siteId, place('10.0.0.5', '203.0.113.7'))
  world.clock.advance(SECOND)
  const client = world.startClient('ada', actor, place('192.168.7.20', '198.51.100.77'))
  world.clock.advance(SECOND)
  /** Sends a packet and returns the milliseconds until its answer; undefined if there is none in time. */
  const ask = (withinMs = 10 * SECOND) => {
    const before = client.received.length
    client.send({ to: PRINTER, port: 7, payload: 'page' })
    return world.until(() => client.received.length > before, { withinMs, stepMs: 1 })
  }
  /** Sends a packet every 250 ms for a while, and returns how many were not answered. */
  const unanswered = (milliseconds: number) => {
    const before = client.received.length
    const count = milliseconds / 250
    for (let packet = 0; packet < count; packet++) {
      client.send({ to: PRINTER, port: 7, payload: 'page' })
      world.clock.advance(250)
    }
    world.clock.advance(SECOND)
    return count - (client.received.length - before)
  }
  const gatewayId = () => client.state.gateways[0]?.id ?? ''
  const path = () => client.state.paths.pathStatus(gatewayId())
  /** Returns the relay that carries packets to the gateway. */
  const carrier = () => world.relays.find(({ host }) => path()?.relay?.split(':')[0] === host.addresses[0])
  const relayed = () => world.relays.map((relay) => relay.relayed)
  return { world, portal, gateway, client, ask, unanswered, path, carrier, relayed, gatewayId }
}

describe('peers that reach each other by relays', () => {
  it('H6 behind two NATs with random ports, the first packet is answered by way of a relay within 200 ms at 10 ms a hop', () => {
    const { ask, path } = settle({ nats: 'random' })
    expect(ask()).to.be.lessThan(200)
    expect(path()).to.include({ kind: 'relayed' })
  })

  it('H6 people are told at both ends which relay carries packets, and that neither NAT lets the other end in', () => {
    const { ask, client, gateway, gatewayId, world, path } = settle({ nats: 'random' })
    ask()
    world.clock.advance(5 * SECOND)
    const clocks = world.clock.pair()
    const { paths, reach: own } = client.state
    const there = peerPath(gatewayId(), { paths, own, other: 'gateway', clocks })
    expect(there).to.deep.include({ path_kind: 'relayed', relay: path()?.relay, lost_at: null })
    expect(there.not_direct).to.deep.include({ code: 'not_let_in' })
    const back = gatewayStatusOf(gateway.state, {
      clocks,
      lane: { kind: 'script', reason: '' },
      portalUrl: '',
      problems: [],
      pluginMetrics: { series: () => [] },
    })
    expect(back.path_kinds).to.include({ relayed: 1, none: 0 })
    expect(back.peers[0]?.not_direct).to.deep.include({ code: 'not_let_in' })
    expect(back.reach.relays[0]).to.include({ state: 'allocated', refusal: null })
  })

  it('H6 one relay suffices for two NATs with random ports', () => {
    const { ask, path } = settle({ relays: 1, nats: 'random' })
    expect(ask()).to.be.lessThan(200)
    expect(path()).to.include({ kind: 'relayed' })
  })

  it('H6 where NATs can be punched through, the first packet takes no longer with relays, and packets go directly soon', () => {
    const without = settle({ relays: 0, nats: 'preserving', hasStun: true }).ask()
    const { ask, path, relayed, world } = settle({ nats: 'preserving', hasStun: true })
    expect(ask()).to.be.at.most(without ?? 0)
    world.clock.advance(SECOND)
    expect(path()).to.include({ kind: 'nat' })
    const before = relayed()
    for (let packet = 0; packet < 100; packet++) ask()
    expect(relayed().map((count, index) => count - (before[index] ?? 0) < 50)).to.deep.equal([true, true])
  })

  it('H6 relays alone tell peers where they are seen outside, so that they meet by hole punching without a STUN server', () => {
    const { ask, path, world } = settle({ nats: 'preserving' })
    expect(ask()).to.be.lessThan(200)
    world.clock.advance(SECOND)
    expect(path()).to.include({ kind: 'nat' })
  })

  it('H6 a direct path that is found later replaces the relay without a packet lost, and a dead one is replaced by a relay', () => {
    const { ask, unanswered, path, world, client, gateway } = settle({})
    const cut = (isCut: boolean) => world.network.setLink(client.host, gateway.host, { cut: isCut })
    cut(true)
    expect(ask()).to.be.lessThan(200)
    expect(path()).to.include({ kind: 'relayed' })
    cut(false)
    expect(unanswered(60 * SECOND)).to.equal(0)
    expect(path()).to.include({ kind: 'direct' })
    expect(unanswered(10 * SECOND)).to.equal(0)
    cut(true)
    expect(unanswered(8 * SECOND)).to.be.lessThan(13)
    expect(path()).to.include({ kind: 'relayed' })
  })

  it('H6 where a direct path answers within 25 ms, it carries the first packet before relays are asked for one, which they are then', () => {
    const { ask, relayed, path, world } = settle({})
    world.network.setEverywhere({ latencyMs: 2 })
    const before = relayed()
    expect(ask()).to.be.lessThan(25)
    expect(path()).to.include({ kind: 'direct' })
    expect(relayed()).to.deep.equal(before)
    world.clock.advance(SECOND)
    expect(relayed()).to.not.deep.equal(before)
  })

  it('H6 an idle relayed path is there for the first packet after 20 minutes', () => {
    const { ask, world, path } = settle({ nats: 'random' })
    expect(ask()).to.be.lessThan(200)
    world.clock.advance(20 * MINUTE)
    expect(ask()).to.be.lessThan(200)
    expect(path()).to.include({ kind: 'relayed' })
  })

  it('H6 where the relay in use is killed, packets go by the other one in less than 2 s', () => {
    const { ask, unanswered, world, carrier } = settle({ nats: 'random' })
    ask()
    expect(unanswered(40 * SECOND)).to.equal(0)
    const killed = carrier()
    expect(killed).to.not.equal(undefined)
    if (killed !== undefined) killed.host.up = false
    const at = world.clock.now()
    while (ask(100) === undefined) expect(world.clock.now() - at).to.be.lessThan(2 * SECOND)
    expect(carrier()).to.not.equal(killed)
  })

  it('H6 where a relay has forgotten all allocations, peers make new ones and meet there within 4 s', () => {
    const { ask, world, path } = settle({ relays: 1, nats: 'random' })
    ask()
    for (const serves of [false, true]) {
      world.relays[0]?.machine.handle({ type: 'servingChanged', serves }, world.clock.now())
    }
    const at = world.clock.now()
    while (ask(100) === undefined) expect(world.clock.now() - at).to.be.lessThan(4 * SECOND)
    expect(path()).to.include({ kind: 'relayed' })
  })

  it('H3 relayed paths go on where the portal starts anew, and has yet to find out which relays there are', () => {
    const { ask, unanswered, world, portal, path } = settle({ nats: 'random' })
    ask()
    unanswered(2 * SECOND)
    portal.stop()
    portal.offerRelays([])
    expect(unanswered(5 * SECOND)).to.equal(0)
    portal.start()
    expect(unanswered(10 * SECOND)).to.equal(0)
    world.offerRelays()
    expect(unanswered(10 * SECOND)).to.equal(0)
    expect(path()).to.include({ kind: 'relayed' })
  })

  it('T10 a relayed path carries packets as large as a direct one', () => {
    const { ask, client, world, gatewayId } = settle({ nats: 'random' })
    ask()
    world.clock.advance(2 * SECOND)
    expect(client.state.paths.mtu(gatewayId())).to.equal(1_408)
  })

  it('peers whose relays are silent ask the portal for others, and use what they are offered then', () => {
    const { ask, world, path } = settle({ relays: 0, nats: 'random' })
    const silent = world.startRelay('silent')
    silent.host.up = false
    world.clock.advance(12 * SECOND)
    expect(world.portal.timesAskedForRelays).to.be.within(2, 4)
    world.startRelay('other')
    world.clock.advance(SECOND)
    expect(ask()).to.be.lessThan(200)
    expect(path()).to.include({ kind: 'relayed' })
  })

  it('a peer that stops gives its allocations back', () => {
    const { world, client, gateway } = settle({ relays: 1, nats: 'random' })
    const allocations = () => world.relays[0]?.machine.allocations
    expect(allocations()).to.equal(2)
    client.tell({ type: 'stopped' })
    gateway.tell({ type: 'stopped' })
    world.clock.advance(SECOND)
    expect(allocations()).to.equal(0)
  })

  it('P9 nobody gets an answer from a gateway by the format of a relay’s datagrams', () => {
    const { ask, world, client, gateway } = settle({})
    expect(ask()).to.be.lessThan(200)
    const heard: Uint8Array[] = []
    const stranger = world.network.host('stranger', ['198.51.100.200'])
    const socket = stranger.bind({
      family: 'ipv4',
      port: 3478,
      onError: () => undefined,
      onBatch: (batch) => heard.push(...batch.map(({ bytes }) => new Uint8Array(bytes))),
    })
    const sent = client.outputs.flatMap((output) => (output.type === 'sendDatagram' ? output.bytes : []))
    for (const bytes of sent.slice(-20)) {
      socket.send([{ to: endpoint('203.0.113.7', PORT), bytes: encodeChannelData(0x4000, bytes) }])
    }
    world.clock.advance(SECOND)
    expect(heard).to.deep.equal([])
    expect(gateway.state.counters()['tunnels']).to.not.equal(undefined)
    expect(ask()).to.be.lessThan(200)
  })
})
