import { expect } from 'chai'
import { describe, it } from 'mocha'
import { SECOND } from '../../core/runtime/time.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import type { NatKind } from '../kit/virtual-nat.ts'
import { VirtualWorld, type Place } from '../kit/virtual-world.ts'

const PRINTER = '192.0.2.9'
const SCANNER = '192.0.2.10'
const NAME = 'printer.example.org'
const GATEWAY = { inside: '10.0.0.5', outside: '203.0.113.7' }
const CLIENT = { inside: '192.168.7.20', outside: '198.51.100.77' }
/** Time from any machine to any other. Computers take no time here. */
const TRIP_MS = 100

interface Nats {
  gateway?: NatKind
  client?: NatKind
}

const placeOf = (world: VirtualWorld, { inside, outside }: typeof GATEWAY, kind: NatKind | undefined): Place =>
  kind === undefined ? { addresses: [outside] } : { addresses: [inside], nat: world.nat({ kind, outside }) }

/**
 * A connected client that has no tunnel yet, and a gateway with printer and scanner behind it. `trips` sends a packet
 * and returns how many one-way trips its answer took, one after another.
 */
const settle = (nats: Nats = {}) => {
  const world = new VirtualWorld({ transport: new WireGuardTransport(), hasStun: true })
  const { portal, site } = world
  site.machine('printer', [PRINTER])
  site.machine('scanner', [SCANNER])
  site.name(NAME, [PRINTER])
  const actor = portal.actor('ada')
  const staff = portal.group('staff', actor).id
  for (const address of [PRINTER, SCANNER]) portal.policy(staff, portal.resource('cidr', `${address}/32`).id)
  portal.policy(staff, portal.resource('dns', NAME).id)
  world.startGateway('one', portal.siteId, placeOf(world, GATEWAY, nats.gateway))
  const client = world.startClient('ada', actor, placeOf(world, CLIENT, nats.client))
  world.network.setEverywhere({ latencyMs: TRIP_MS })
  world.clock.advance(10 * SECOND)
  const trips = (to: string): number => {
    const before = client.received.length
    client.send({ to, port: 7, payload: 'page' })
    const ms = world.until(() => client.received.length > before, { withinMs: 10 * SECOND, stepMs: 1 })
    return Math.floor((ms ?? Number.NaN) / TRIP_MS)
  }
  return { client, clock: world.clock, trips }
}

describe('the first packet', () => {
  // Request, grant at the gateway, acknowledgement, grant at the client; check and handshake, their answers; the packet
  // and its answer.
  for (const [title, nats] of [
    ['without NATs', {}],
    ['to a gateway behind 1:1 NAT', { gateway: 'one-to-one' }],
    ['with both behind NATs that preserve ports', { gateway: 'preserving', client: 'preserving' }],
  ] as const) {
    it(`the first packet to a gateway is answered after eight one-way trips ${title}`, () => {
      expect(settle(nats).trips(PRINTER)).to.equal(8)
    })
  }

  it('the first packet to a further resource of a gateway is answered after six one-way trips, later ones after two', () => {
    const { trips } = settle()
    trips(PRINTER)
    expect([trips(SCANNER), trips(SCANNER)]).to.deep.equal([6, 2])
  })

  it('the question for a name begins what its first packet waits for: eight trips later the packet waits for nothing', () => {
    const { client, clock, trips } = settle()
    const [address = ''] = client.resolve(NAME) ?? []
    clock.advance(8 * TRIP_MS)
    expect(trips(address)).to.equal(2)
  })

  it('the first packet to a name waits two trips longer, in which the gateway resolves the name', () => {
    const { client, trips } = settle()
    const [address = ''] = client.resolve(NAME) ?? []
    expect(trips(address)).to.equal(10)
  })
})
