import { expect } from 'chai'
import { describe, it } from 'mocha'
import { parseAdvertised } from '../../core/ice/advertised-address.ts'
import { decodeStun, looksLikeStun } from '../../core/stun/stun-message.ts'
import { endpoint } from '../../core/runtime/endpoint.ts'
import { MINUTE, SECOND } from '../../core/runtime/time.ts'
import { MemoryTransport } from '../../plugins/transport-memory/memory-transport.ts'
import type { NatKind } from '../kit/virtual-nat.ts'
import { VirtualWorld, type Place } from '../kit/virtual-world.ts'

const PRINTER = '192.0.2.9'
const GATEWAY = { inside: '10.0.0.5', outside: '203.0.113.7' }
const CLIENT = { inside: '192.168.7.20', outside: '198.51.100.77' }
const PORT = 52_625

interface Setting {
  hasStun?: boolean
  gateway: (world: VirtualWorld) => Place
  client?: NatKind | undefined
}

/** A gateway, and a client that may reach a printer through it, each at its place. */
const settle = ({ hasStun = true, gateway: gatewayPlace, client: clientNat }: Setting) => {
  const world = new VirtualWorld({ transport: new MemoryTransport(), hasStun })
  const { portal, site } = world
  site.machine('printer', [PRINTER])
  const actor = portal.actor('ada')
  portal.policy(portal.group('staff', actor).id, portal.resource('cidr', `${PRINTER}/32`).id)
  const gateway = world.startGateway('one', portal.siteId, gatewayPlace(world))
  world.clock.advance(SECOND)
  const place =
    clientNat === undefined
      ? { addresses: [CLIENT.outside] }
      : { addresses: [CLIENT.inside], nat: world.nat({ kind: clientNat, outside: CLIENT.outside }) }
  const client = world.startClient('ada', actor, place)
  world.clock.advance(SECOND)
  /** Sends a packet and returns the milliseconds until its answer; undefined if there is none within 10 s. */
  const ask = () => {
    const before = client.received.length
    client.send({ to: PRINTER, port: 7, payload: 'page' })
    return world.until(() => client.received.length > before, { withinMs: 10 * SECOND })
  }
  return { world, portal, gateway, client, ask }
}

const behind =
  (kind: NatKind, { forwards, advertised = [] }: { forwards?: number; advertised?: readonly string[] } = {}) =>
  (world: VirtualWorld): Place => ({
    addresses: [GATEWAY.inside],
    nat: world.nat({
      kind,
      outside: GATEWAY.outside,
      ...(forwards === undefined ? {} : { forwards: new Map([[forwards, endpoint(GATEWAY.inside, PORT)]]) }),
    }),
    advertised: advertised.flatMap((text) => parseAdvertised(text) ?? []),
  })

const CLIENT_NATS = [undefined, 'preserving', 'random'] as const
const named = (kind: NatKind | undefined) => (kind === undefined ? 'none' : `a NAT with ${kind} ports`)

describe('peers behind NATs', () => {
  for (const client of CLIENT_NATS) {
    it(`H11 a gateway behind 1:1 NAT is reached by the address that STUN has found, from a client behind ${named(client)}`, () => {
      const { ask, gateway } = settle({ gateway: behind('one-to-one'), client })
      expect(ask()).to.be.lessThan(SECOND)
      expect(gateway.state.reach.offers).to.deep.equal([
        { endpoint: `${GATEWAY.inside}:${PORT}`, source: 'interface' },
        { endpoint: `${GATEWAY.outside}:${PORT}`, source: 'stun' },
      ])
    })

    it(`H11 a gateway behind 1:1 NAT is reached by the address that it advertises, from a client behind ${named(client)}`, () => {
      const gateway = behind('one-to-one', { advertised: [GATEWAY.outside] })
      expect(settle({ hasStun: false, gateway, client }).ask()).to.be.lessThan(SECOND)
    })

    it(`H11 a gateway behind a port forward is reached by the address and port that it advertises, from a client behind ${named(client)}`, () => {
      const gateway = behind('random', { forwards: 40_000, advertised: [`${GATEWAY.outside}:40000`] })
      expect(settle({ hasStun: false, gateway, client }).ask()).to.be.lessThan(SECOND)
    })
  }

  it('H6 a gateway and a client that each let only answers in meet by hole punching, where their NATs preserve ports', () => {
    expect(settle({ gateway: behind('preserving'), client: 'preserving' }).ask()).to.be.lessThan(SECOND)
  })

  it('H6 without a STUN server neither end knows where to punch, and the resource is unreachable', () => {
    const { ask, client, world } = settle({ hasStun: false, gateway: behind('preserving'), client: 'preserving' })
    expect(ask()).to.equal(undefined)
    world.clock.advance(5 * SECOND)
    const [resource] = client.state.resources.status(world.clock.now())
    expect(resource).to.include({ state: 'unreachable', reason: 'no-path' })
    expect(resource?.why.join(' ')).to.match(
      /gateway one.*offers only 10\.0\.0\.5:52625, of a private network.*advertised_addresses in its gateway\.yaml/,
    )
  })

  it('M4 where a gateway’s router forwards nothing, status says what was tried', () => {
    const gateway = behind('random', { advertised: [GATEWAY.outside] })
    const { ask, client, world } = settle({ gateway, client: 'random' })
    expect(ask()).to.equal(undefined)
    world.clock.advance(5 * SECOND)
    const [resource] = client.state.resources.status(world.clock.now())
    expect(resource?.why.join(' ')).to.match(/Tried: 10\.0\.0\.5:52625, 203\.0\.113\.7:52625.*firewalls/)
  })

  it('a path through a NAT is told from one without, with its round trip', () => {
    const through = settle({ gateway: behind('one-to-one') })
    through.ask()
    through.world.clock.advance(5 * SECOND)
    const [gateway] = through.client.state.gateways
    expect(through.client.state.paths.pathStatus(gateway?.id ?? '')).to.include({
      path: `${GATEWAY.outside}:${PORT}`,
      kind: 'nat',
      roundTripMs: 10,
    })
    const direct = settle({ gateway: () => ({ addresses: [GATEWAY.outside] }) })
    direct.ask()
    const [other] = direct.client.state.gateways
    expect(direct.client.state.paths.pathStatus(other?.id ?? '')).to.include({ kind: 'direct' })
  })

  it('H6 the bindings of idle NATs are kept: the first packet after an hour takes as long as at the start', () => {
    const { ask, world } = settle({ gateway: behind('preserving'), client: 'preserving' })
    world.clock.advance(60 * MINUTE)
    expect(ask()).to.be.lessThan(SECOND)
  })

  it('H3 a portal that is away changes no candidate, and a tunnel through two NATs goes on', () => {
    const { ask, world, portal, gateway } = settle({ gateway: behind('preserving'), client: 'preserving' })
    expect(ask()).to.be.lessThan(SECOND)
    const { offers } = gateway.state.reach
    world.portalHost.up = false
    portal.stop()
    world.clock.advance(10 * MINUTE)
    expect(gateway.state.reach.offers).to.deep.equal(offers)
    expect(ask()).to.be.lessThan(3 * SECOND)
  })

  it('H7 a gateway whose router gets another address outside is reached there', () => {
    const { ask, world, gateway } = settle({ gateway: behind('one-to-one'), client: 'preserving' })
    expect(ask()).to.be.lessThan(SECOND)
    if (gateway.host.nat !== undefined) gateway.host.nat.outside = '203.0.113.99'
    world.clock.advance(30 * SECOND)
    expect(gateway.state.reach.offers.map(({ endpoint: where }) => where)).to.include(`203.0.113.99:${PORT}`)
    expect(ask()).to.be.lessThan(3 * SECOND)
  })

  it('H11 bridges of containers cost nothing: a gateway with 40, or 300, is reached after as many checks as one without', () => {
    const checksWith = (bridges: number) => {
      const { ask, client, gateway } = settle({ gateway: behind('one-to-one'), client: 'preserving' })
      const inner = Array.from({ length: bridges }, (_, index) => `172.${16 + (index >> 8)}.${index & 255}.1`)
      const offered = { links: [GATEWAY.inside], bridges: inner }
      gateway.tell({ type: 'addressesChanged', addresses: [GATEWAY.inside, ...inner], offered })
      const sent = () => client.outputs.flatMap((output) => (output.type === 'sendDatagram' ? output.bytes : []))
      const before = sent().filter(looksLikeStun).length
      const tookMs = ask()
      return { tookMs, checks: sent().filter(looksLikeStun).length - before, offers: gateway.state.reach.offers }
    }
    const { tookMs, checks } = checksWith(0)
    for (const bridges of [40, 300]) {
      const one = checksWith(bridges)
      expect(one).to.include({ tookMs, checks })
      expect(one.offers.map(({ source }) => source).slice(0, 3)).to.deep.equal(['interface', 'stun', 'bridge'])
      expect(one.offers.length).to.be.lessThan(10)
    }
  })

  it('P9 a gateway behind NAT answers nobody outside: neither STUN requests nor answers that it has not asked for', () => {
    const { ask, world } = settle({ gateway: behind('one-to-one') })
    expect(ask()).to.be.lessThan(SECOND)
    const heard: Uint8Array[] = []
    const onError = () => undefined
    const stranger = world.network.host('stranger', ['198.51.100.200'])
    const socket = stranger.bind({
      family: 'ipv4',
      port: 3478,
      onError,
      onBatch: (batch) => heard.push(...batch.map(({ bytes }) => new Uint8Array(bytes))),
    })
    // A STUN request, and the same as an answer.
    for (const kind of [0x0001, 0x0101]) {
      const bytes = new Uint8Array(20)
      new DataView(bytes.buffer).setUint16(0, kind)
      bytes.set([0x21, 0x12, 0xa4, 0x42], 4)
      expect(looksLikeStun(bytes)).to.equal(true)
      expect(decodeStun(bytes).type).to.equal('decoded')
      socket.send([{ to: endpoint(GATEWAY.outside, PORT), bytes }])
    }
    world.clock.advance(MINUTE)
    expect(heard).to.deep.equal([])
  })
})
