import { expect } from 'chai'
import { describe, it } from 'mocha'
import { SECOND } from '../../core/runtime/time.ts'
import { MemoryTransport } from '../../plugins/transport-memory/memory-transport.ts'
import { VirtualWorld } from '../kit/virtual-world.ts'

const PRINTER = '192.0.2.9'
const GATEWAY = ['203.0.113.7', '2001:db8:7::7']
const CLIENT = ['198.51.100.77', '2001:db8:77::77']

/** A client that sends a packet to a printer every 50 ms, behind a gateway; one-way trips take 5 ms. */
const settle = ({ hasPortal }: { hasPortal: boolean }) => {
  const world = new VirtualWorld({ transport: new MemoryTransport() })
  const { portal, site } = world
  site.machine('printer', [PRINTER])
  const actor = portal.actor('ada')
  portal.policy(portal.group('staff', actor).id, portal.resource('cidr', `${PRINTER}/32`).id)
  const gateway = world.startGateway('one', portal.siteId, { addresses: GATEWAY.slice(0, 1) })
  world.clock.advance(SECOND)
  const client = world.startClient('ada', actor, { addresses: CLIENT.slice(0, 1) })
  world.clock.advance(SECOND)
  /** Sends packets until there is an answer, and returns how long that took; undefined after 20 s. */
  const outage = (): number | undefined => {
    const before = client.received.length
    for (let passed = 0; passed < 20 * SECOND; passed += 50) {
      client.send({ to: PRINTER, port: 7, payload: 'page' })
      world.clock.advance(50)
      if (client.received.length > before) return passed
    }
    return undefined
  }
  expect(outage()).to.be.lessThan(SECOND)
  world.clock.advance(5 * SECOND)
  if (!hasPortal) {
    world.portalHost.up = false
    portal.stop()
    world.clock.advance(SECOND)
  }
  outage()
  return { world, gateway, client, outage }
}

describe('roaming', () => {
  it('H7 both ends that have IPv6 later use it, and lose it again, while a connection goes on', () => {
    const { world, client, gateway, outage } = settle({ hasPortal: true })
    const path = () => client.state.paths.pathStatus(client.state.gateways[0]?.id ?? '')?.path
    client.move(CLIENT)
    gateway.move(GATEWAY)
    outage()
    world.clock.advance(5 * SECOND)
    expect(path()).to.contain(GATEWAY[1])
    gateway.move(GATEWAY.slice(0, 1))
    expect(outage()).to.be.lessThan(3 * SECOND)
    expect(path()).to.contain(GATEWAY[0])
  })

  for (const hasPortal of [true, false]) {
    const portal = hasPortal ? 'with' : 'without'
    it(`H7 ${portal} the portal a client goes on from another address, of either family, within a moment`, () => {
      const { client, gateway, outage } = settle({ hasPortal })
      client.move(['198.51.100.78'])
      expect(outage()).to.be.lessThan(500)
      // Nobody else tells them of addresses that are not used yet.
      if (!hasPortal) return
      gateway.move(GATEWAY)
      client.move(['198.51.100.78', ...CLIENT.slice(1)])
      expect(outage()).to.be.lessThan(500)
      client.move(CLIENT.slice(1))
      expect(outage()).to.be.lessThan(1_000)
      client.move(['2001:db8:77::78'])
      expect(outage()).to.be.lessThan(500)
    })

    it(`H7 ${portal} the portal a gateway is followed to another address, of either family, within a second`, () => {
      const { client, gateway, outage } = settle({ hasPortal })
      client.move(['198.51.100.78'])
      expect(outage()).to.be.lessThan(500)
      gateway.move(['203.0.113.8'])
      expect(outage()).to.be.lessThan(1_000)
    })
  }
})
