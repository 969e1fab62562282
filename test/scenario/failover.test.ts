import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { SECOND } from '../../core/runtime/time.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import type { VirtualClient } from '../kit/virtual-client.ts'
import type { VirtualGateway } from '../kit/virtual-gateway.ts'
import { VirtualWorld } from '../kit/virtual-world.ts'

const PRINTER = '192.0.2.9'
/** Interval of packets, each of a flow of its own. */
const EVERY_MS = 20

describe('the failure of a gateway', () => {
  let world: VirtualWorld
  let client: VirtualClient
  let port: number

  beforeEach(() => {
    world = new VirtualWorld({ transport: new WireGuardTransport() })
    const { portal, site } = world
    site.machine('printer', [PRINTER])
    const actor = portal.actor('ada')
    portal.policy(portal.group('staff', actor).id, portal.resource('cidr', `${PRINTER}/32`).id)
    world.startGateway('one')
    world.startGateway('two')
    world.clock.advance(100)
    client = world.startClient('laptop', actor)
    world.clock.advance(200)
    port = 1_000
    flow(2 * SECOND)
  })

  /** Sends packets of new flows for a while, and returns the longest time in milliseconds without an answer. */
  const flow = (forMs: number): number => {
    let gapMs = 0
    let answeredAt = world.clock.now()
    let answers = client.received.length
    for (const end = world.clock.now() + forMs; world.clock.now() < end;) {
      client.send({ to: PRINTER, port: 7, payload: 'page', fromPort: 1_000 + (port++ % 50_000) })
      world.clock.advance(EVERY_MS)
      if (client.received.length > answers) {
        answers = client.received.length
        answeredAt = world.clock.now()
      }
      gapMs = Math.max(gapMs, world.clock.now() - answeredAt)
    }
    return gapMs
  }
  const serving = (): VirtualGateway => {
    const gateway = world.gateways.get(world.site.seen.at(-1)?.gateway ?? '')
    return gateway ?? expect.fail('no gateway serves')
  }

  it('H2 a gateway that is killed is left within half a second, as the portal tells its clients', () => {
    const { name } = serving()
    world.killGateway(name)
    expect(flow(5 * SECOND)).to.be.below(500)
    expect(serving().name).to.not.equal(name)
  })

  it('H2 a gateway that is cut off without a word is left within a second of traffic', () => {
    const { name, host } = serving()
    host.up = false
    expect(flow(5 * SECOND)).to.be.below(1_000)
    expect(serving().name).to.not.equal(name)
  })

  it('H2 gateways that are cut off one after the other, and are back in time, are each left within a second', () => {
    for (let times = 0; times < 4; times++) {
      const { name, host } = serving()
      host.up = false
      expect(flow(2 * SECOND)).to.be.below(1_000)
      expect(serving().name).to.not.equal(name)
      host.up = true
      flow(SECOND)
    }
  })

  it('H2 a gateway that was killed while nothing was sent is known to be gone when something is', () => {
    const { name } = serving()
    world.clock.advance(60 * SECOND)
    world.killGateway(name)
    world.clock.advance(5 * SECOND)
    expect(flow(5 * SECOND)).to.be.below(300)
    expect(serving().name).to.not.equal(name)
  })

  it('H3 a gateway whose connection to the portal ends each second is kept, and interrupts nothing', () => {
    const { name } = serving()
    for (let times = 0; times < 20; times++) {
      serving().loseConnection()
      expect(flow(SECOND)).to.be.below(100)
      expect(serving().name).to.equal(name)
    }
  })

  it('H2 a gateway that is cut off for a second each three seconds is left once', () => {
    const flapping = serving()
    const used: string[] = []
    for (let times = 0; times < 10; times++) {
      flapping.host.up = false
      flow(SECOND)
      flapping.host.up = true
      flow(2 * SECOND)
      used.push(serving().name)
    }
    expect(used.filter((name) => name === flapping.name)).to.deep.equal([])
  })

  it('H2 a client that is cut off itself for two seconds keeps its gateway', () => {
    const { name } = serving()
    client.host.up = false
    flow(2 * SECOND)
    client.host.up = true
    expect(flow(5 * SECOND)).to.be.below(2_000)
    expect(serving().name).to.equal(name)
  })

  it('H3 while the portal is away a gateway that is cut off for two seconds is kept: nobody could name another', () => {
    const { name, host } = serving()
    world.portal.stop()
    flow(SECOND)
    host.up = false
    flow(2 * SECOND)
    host.up = true
    flow(2 * SECOND)
    expect(serving().name).to.equal(name)
  })
})
