import { expect } from 'chai'
import { describe, it } from 'mocha'
import { MINUTE, SECOND } from '../../core/runtime/time.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import type { NatKind } from '../kit/virtual-nat.ts'
import { VirtualWorld, type Place } from '../kit/virtual-world.ts'

const PRINTER = '192.0.2.9'

interface Setting {
  relays?: number
  gateway?: NatKind
  client?: NatKind
}

/** A client that may reach a printer through a gateway, each behind a NAT, and relays. */
const settle = ({ relays = 2, gateway: gatewayNat = 'random', client: clientNat = 'random' }: Setting = {}) => {
  const world = new VirtualWorld({ transport: new WireGuardTransport() })
  world.network.setEverywhere({ latencyMs: 10 })
  const { portal, site } = world
  site.machine('printer', [PRINTER])
  const actor = portal.actor('ada')
  portal.policy(portal.group('staff', actor).id, portal.resource('cidr', `${PRINTER}/32`).id)
  for (let number = 1; number <= relays; number++) world.startRelay(`relay-${number}`)
  const behind = (kind: NatKind, inside: string, outside: string): Place => ({
    addresses: [inside],
    nat: world.nat({ kind, outside }),
  })
  const gateway = world.startGateway('one', portal.siteId, behind(gatewayNat, '10.0.0.5', '203.0.113.7'))
  world.clock.advance(SECOND)
  const client = world.startClient('ada', actor, behind(clientNat, '192.168.7.20', '198.51.100.77'))
  world.clock.advance(SECOND)
  const ask = (withinMs = 10 * SECOND) => {
    const before = client.received.length
    client.send({ to: PRINTER, port: 7, payload: 'page' })
    return world.until(() => client.received.length > before, { withinMs, stepMs: 1 })
  }
  const path = () => client.state.paths.pathStatus(client.state.gateways[0]?.id ?? '')
  return { world, portal, gateway, client, ask, path }
}

describe('peers that reach each other by relays', () => {
  it('H6 behind two NATs with random ports, the first packet is answered by way of a relay within 200 ms', () => {
    const { ask, path } = settle()
    expect(ask()).to.be.lessThan(200)
    expect(path()).to.include({ kind: 'relayed' })
  })

  it('H6 one relay suffices', () => {
    const { ask, path } = settle({ relays: 1 })
    expect(ask()).to.be.lessThan(200)
    expect(path()).to.include({ kind: 'relayed' })
  })

  it('H6 where the NATs allow it, packets go directly, as fast as without relays, and relays carry none', () => {
    const { ask, path, world } = settle({ gateway: 'preserving', client: 'preserving' })
    expect(ask()).to.be.lessThan(200)
    world.clock.advance(MINUTE)
    expect(path()).to.include({ kind: 'nat' })
    const before = world.relays.map(({ relayed }) => relayed)
    for (let packet = 0; packet < 100; packet++) ask()
    expect(world.relays.map(({ relayed }) => relayed)).to.deep.equal(before)
  })

  it('H6 a relayed path lasts for hours, idle as well as in use', () => {
    const { ask, world } = settle()
    expect(ask()).to.be.lessThan(SECOND)
    for (let hour = 0; hour < 1; hour++) {
      world.clock.advance(59 * MINUTE)
      expect(ask(), `after ${hour + 1} h`).to.be.lessThan(SECOND)
    }
  })

  it('H6 where the relay in use is killed, packets go by the other in less than 2 s', () => {
    const { ask, world, path } = settle()
    expect(ask()).to.be.lessThan(SECOND)
    const relay = world.relays.find(({ relay: { endpoints } }) => endpoints.join() === path()?.relay || endpoints.join().startsWith(`${path()?.relay}:`))
    expect(relay).to.not.equal(undefined)
    for (let packet = 0; packet < 50; packet++) {
      ask()
      world.clock.advance(100)
    }
    if (relay !== undefined) relay.host.up = false
    const killedAt = world.clock.now()
    while (ask(100) === undefined) expect(world.clock.now() - killedAt).to.be.lessThan(5_000)
    expect(world.clock.now() - killedAt).to.be.lessThan(2_000)
  })
})
