import { expect } from 'chai'
import * as fc from 'fast-check'
import { beforeEach, describe, it } from 'mocha'
import { endpoint } from '../../../core/runtime/endpoint.ts'
import { MemoryTransport } from '../../../plugins/transport-memory/memory-transport.ts'
import { WireGuardTransport } from '../../../plugins/transport-wireguard/wireguard-transport.ts'
import { ScriptedPortal } from '../../kit/scripted-portal.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { VirtualClient } from '../../kit/virtual-client.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'
import { VirtualControlChannel } from '../../kit/virtual-control-channel.ts'
import { VirtualGateway } from '../../kit/virtual-gateway.ts'
import { VirtualNetwork } from '../../kit/virtual-network.ts'
import { VirtualSite } from '../../kit/virtual-site.ts'

for (const [named, transport] of [
  ['WireGuard', new WireGuardTransport()],
  ['the memory transport', new MemoryTransport()],
] as const) {
  describe(`a client and gateways over ${named}`, () => {
    let clock: VirtualClock
    let network: VirtualNetwork
    let portal: ScriptedPortal
    let channel: VirtualControlChannel
    let site: VirtualSite
    let client: VirtualClient
    let gateways: VirtualGateway[]
    let gitlab: { id: string }
    let lab: { id: string }

    beforeEach(() => {
      clock = new VirtualClock()
      network = new VirtualNetwork({ clock, random: new SeededRandom('network') })
      network.setEverywhere({ latencyMs: 5 })
      channel = new VirtualControlChannel({ network, host: network.host('portal', ['192.0.2.1']) })
      portal = new ScriptedPortal()
      channel.serve(portal)
      site = new VirtualSite()
      site.machine('web', ['10.0.0.5', '2001:db8:10::5'])
      site.machine('printer', ['198.51.100.9'])
      site.name('gitlab.example.org', ['10.0.0.5', '2001:db8:10::5'])
      site.name('jenkins.example.org', ['10.0.0.5'])
      portal.resources = [
        portal.dns(1, 'gitlab.example.org'),
        portal.dns(2, 'jenkins.example.org'),
        portal.cidr(3, '198.51.100.0/24'),
      ]
      gitlab = { id: portal.resources[0]?.id ?? '' }
      lab = { id: portal.resources[2]?.id ?? '' }
      client = new VirtualClient({
        network,
        channel,
        transport,
        host: network.host('laptop', ['203.0.113.10', '2001:db8:1::10']),
        token: 'token',
        name: 'laptop',
      })
      gateways = ['one', 'two'].map(
        (name, index) =>
          new VirtualGateway({
            network,
            channel,
            transport,
            site,
            host: network.host(name, [`203.0.113.2${index}`, `2001:db8:2::2${index}`]),
            token: 'token',
            name,
          }),
      )
      for (const gateway of gateways) gateway.start()
      client.start()
      clock.advance(200)
    })

    const address = (name: string): string => {
      const [found] = client.resolve(name) ?? []
      if (found === undefined) throw new Error(`${name} does not resolve`)
      return found
    }

    it(`T1 the first packet to a resource reaches it by one request, and the answer comes back, over ${named}`, () => {
      const to = address('gitlab.example.org')
      expect(to).to.match(/^100\.(9[6-9]|1[01]\d|12[0-7])\./)
      client.send({ to, port: 80, payload: 'hello' })
      clock.advance(500)
      expect(client.textsFrom(to, 80)).to.deep.equal(['web: hello'])
      expect(portal.requests).to.have.length(1)
      expect(site.seen).to.have.length(1)
      expect(site.seen[0]).to.include({ to: '10.0.0.5', toPort: 80, from: client.ipv4 })
    })

    it('T1 packets that wait keep their order, and access is requested again no sooner than after 2 s', () => {
      network.setLink(client.host, network.hostOf('192.0.2.1') ?? client.host, { latencyMs: 1_500 })
      const to = '198.51.100.9'
      for (let n = 0; n < 20; n++) {
        client.send({ to, port: 9, payload: `packet ${n}` })
        clock.advance(100)
      }
      clock.advance(5_000)
      expect(client.textsFrom(to, 9)).to.deep.equal(Array.from({ length: 20 }, (_, n) => `printer: packet ${n}`))
      expect(portal.requests).to.have.length(1)
    })

    it('T2 packets for a CIDR resource keep their destination', () => {
      client.send({ to: '198.51.100.9', port: 9, payload: 'x' })
      clock.advance(500)
      expect(site.seen.map(({ to, toPort }) => ({ to, toPort }))).to.deep.equal([{ to: '198.51.100.9', toPort: 9 }])
    })

    it('T3 two names on one address are told apart, from one source port', () => {
      const [first, second] = [address('gitlab.example.org'), address('jenkins.example.org')]
      client.send({ to: first, port: 80, payload: 'a' })
      client.send({ to: second, port: 80, payload: 'b' })
      clock.advance(500)
      expect(client.textsFrom(first, 80)).to.deep.equal(['web: a'])
      expect(client.textsFrom(second, 80)).to.deep.equal(['web: b'])
      expect(portal.requests).to.have.length(2)
    })

    it('T6 a packet from another client’s source address is not let out', () => {
      client.send({ to: '198.51.100.9', port: 9, payload: 'mine' })
      clock.advance(500)
      client.send({ to: '198.51.100.9', port: 9, payload: 'not mine', from: '100.64.0.77' })
      clock.advance(500)
      expect(site.seen).to.have.length(1)
    })

    it('D10 a flow stays at its address when the name moves, and new ones go to the new address', () => {
      site.machine('new web', ['10.0.0.6'])
      const to = address('gitlab.example.org')
      client.send({ to, port: 80, payload: 'one', fromPort: 1_000 })
      clock.advance(500)
      site.name('gitlab.example.org', ['10.0.0.6'])
      client.resolve('gitlab.example.org')
      clock.advance(500)
      client.send({ to, port: 80, payload: 'cached', fromPort: 1_001 })
      clock.advance(30_000)
      // The gateway's own cache has expired: the application's next query makes it resolve the name again.
      expect(address('gitlab.example.org')).to.equal(to)
      clock.advance(500)
      client.send({ to, port: 80, payload: 'old flow', fromPort: 1_000 })
      client.send({ to, port: 80, payload: 'new flow', fromPort: 1_002 })
      clock.advance(500)
      expect(client.textsFrom(to, 80)).to.deep.equal(['web: one', 'web: cached', 'web: old flow', 'new web: new flow'])
    })

    it('IPv6 addresses of a resource are reached', () => {
      const [to = ''] = client.resolve('gitlab.example.org', 'AAAA') ?? []
      client.send({ to, port: 80, payload: 'six' })
      clock.advance(500)
      expect(client.textsFrom(to, 80)).to.deep.equal(['web: six'])
      expect(site.seen[0]?.to).to.equal('2001:db8:10::5')
    })

    it('P6 no packet passes after a withdrawal, which the gateway acknowledges', () => {
      client.send({ to: '198.51.100.9', port: 9, payload: 'before' })
      clock.advance(500)
      portal.withdraw('laptop', lab.id)
      portal.denied.set(lab.id, 'forbidden')
      clock.advance(50)
      client.send({ to: '198.51.100.9', port: 9, payload: 'after' })
      clock.advance(5_000)
      expect(site.seen.map(({ payload }) => new TextDecoder().decode(payload))).to.deep.equal(['before'])
      expect(portal.acknowledged).to.include(`reject ${lab.id}`)
      expect(client.state.resources.status(clock.now()).find(({ id }) => id === lab.id)).to.include({
        state: 'denied',
        reason: 'forbidden',
      })
    })

    it('P3 no packet passes after the expiry of a grant, and the gateway withdraws it by itself', () => {
      portal.expiresAt = Math.floor(clock.unix() / 1_000) + 10
      client.send({ to: '198.51.100.9', port: 9, payload: 'before' })
      clock.advance(500)
      channel.stop()
      clock.advance(9_600)
      client.send({ to: '198.51.100.9', port: 9, payload: 'after' })
      clock.advance(1_000)
      expect(site.seen).to.have.length(1)
    })

    it('P9 gateways send nothing to a client that holds no grant', () => {
      let answers = 0
      const stranger = network.host('stranger', ['203.0.113.66'])
      const socket = stranger.bind({
        family: 'ipv4',
        port: 5,
        onBatch: (batch) => (answers += batch.length),
        onError: () => undefined,
      })
      const random = new SeededRandom('scan')
      for (const [type, length] of [
        [1, 148],
        [2, 92],
        [3, 64],
        [4, 80],
        [0, 60],
      ] as const) {
        const bytes = random.bytes(length)
        bytes.set([type, 0, 0, 0])
        socket.send([{ to: endpoint('203.0.113.20', 52_625), bytes }])
      }
      clock.advance(1_000)
      expect(network.counters.unreachable).to.equal(0)
      expect(answers).to.equal(0)
    })

    it('H2 a client moves to the other gateway within 10 s while traffic flows, when one is killed', () => {
      const to = '198.51.100.9'
      client.send({ to, port: 9, payload: 'x' })
      clock.advance(500)
      const first = site.seen[0]?.gateway
      gateways.find(({ name }) => name === first)?.kill()
      const killedAt = clock.now()
      const seenBefore = site.seen.length
      while (site.seen.length === seenBefore && clock.now() - killedAt < 20_000) {
        client.send({ to, port: 9, payload: 'y' })
        clock.advance(50)
      }
      expect(site.seen.at(-1)?.gateway).to.not.equal(first)
      expect(clock.now() - killedAt).to.be.lessThan(3_500)
    })

    it('H3 traffic goes on while the portal is away, and after it came back', () => {
      const to = address('gitlab.example.org')
      client.send({ to, port: 80, payload: '1' })
      clock.advance(500)
      channel.stop()
      clock.advance(60_000)
      expect(client.state.linkState).to.equal('unreachable')
      client.send({ to: address('gitlab.example.org'), port: 80, payload: '2' })
      clock.advance(500)
      channel.serve(portal)
      clock.advance(120_000)
      expect(client.state.linkState).to.equal('connected')
      client.send({ to, port: 80, payload: '3' })
      clock.advance(500)
      expect(client.textsFrom(to, 80)).to.deep.equal(['web: 1', 'web: 2', 'web: 3'])
      expect(portal.requests).to.have.length(1)
    })

    it('H7 traffic goes on when the client moves to another network', () => {
      const to = '198.51.100.9'
      client.send({ to, port: 9, payload: '1' })
      clock.advance(500)
      client.move(['192.0.2.200'])
      clock.advance(2_000)
      client.send({ to, port: 9, payload: '2' })
      clock.advance(500)
      expect(client.textsFrom(to, 9)).to.deep.equal(['printer: 1', 'printer: 2'])
      expect(portal.requests).to.have.length(1)
    })

    it('H7 a client keeps the gateway, and with it the flows, when it moves while packets go on', () => {
      const to = '198.51.100.9'
      client.send({ to, port: 9, payload: 'x' })
      clock.advance(500)
      // Each of these moves ends a path of one family.
      for (const places of [['192.0.2.200'], ['2001:db8:9::200'], ['192.0.2.201']]) {
        client.move(places)
        for (let n = 0; n < 60; n++) {
          client.send({ to, port: 9, payload: places.join() })
          clock.advance(50)
        }
        expect(client.textsFrom(to, 9)).to.include(`printer: ${places.join()}`)
      }
      expect(new Set(site.seen.map(({ gateway }) => gateway)).size).to.equal(1)
      expect(portal.requests).to.have.length(1)
    })

    it('H7 a client looks for the gateway for 3 s from a place that cannot reach it, and then asks for another one', () => {
      const to = '198.51.100.9'
      client.send({ to, port: 9, payload: 'x' })
      clock.advance(500)
      const first = gateways.find(({ name }) => name === site.seen[0]?.gateway)
      if (first === undefined) throw new Error('nobody serves')
      // The client has no address of the gateway's families at this place.
      first.move(['203.0.113.99'])
      clock.advance(100)
      client.move(['2001:db8:9::200'])
      const movedAt = clock.now()
      while (site.seen.at(-1)?.gateway === first.name && clock.now() - movedAt < 20_000) {
        client.send({ to, port: 9, payload: 'y' })
        clock.advance(50)
      }
      expect(site.seen.at(-1)?.gateway).not.to.equal(first.name)
      expect(clock.now() - movedAt).to.be.within(3_000, 6_000)
    })

    it('H2 a client follows the portal to another gateway, though the lost one is back before the portal has answered', () => {
      const to = '198.51.100.9'
      const send = (holds: () => boolean): void => {
        for (let tries = 0; !holds() && tries < 400; tries++) {
          client.send({ to, port: 9, payload: 'y' })
          clock.advance(50)
        }
        expect(holds()).to.equal(true)
      }
      const stateOf = () => client.state.resources.status(clock.now()).find(({ id }) => id === lab.id)
      send(() => site.seen.length > 0)
      const first = gateways.find(({ name }) => name === site.seen[0]?.gateway)
      const portalHost = network.hostOf('192.0.2.1')
      if (first === undefined || portalHost === undefined) throw new Error('nobody serves')
      network.setLink(client.host, portalHost, { latencyMs: 3_000 })
      network.setLink(client.host, first.host, { cut: true })
      send(() => stateOf()?.state === 'requested')
      network.setLink(client.host, first.host, { latencyMs: 5 })
      send(() => stateOf()?.state === 'connected')
      expect(portal.requests).to.have.length(1)
      send(() => site.seen.at(-1)?.gateway !== first.name)
      expect(portal.requests).to.have.length(2)
    })

    it('H8 packets are delivered through 20 % loss', () => {
      network.setEverywhere({ latencyMs: 20, jitterMs: 20, loss: 0.2 })
      const to = '198.51.100.9'
      for (let n = 0; n < 600; n++) {
        client.send({ to, port: 9, payload: String(n) })
        clock.advance(100)
      }
      expect(client.received.length).to.be.greaterThan(300)
      expect(portal.requests).to.have.length.at.most(2)
    })

    it('T9 a session is rekeyed without a gap', () => {
      const to = '198.51.100.9'
      for (let n = 0; n < 400; n++) {
        client.send({ to, port: 9, payload: String(n) })
        clock.advance(1_000)
      }
      expect(client.received).to.have.length(400)
    })

    it('client and gateway survive whatever a portal, a network or an application sends them', () => {
      client.send({ to: '198.51.100.9', port: 9, payload: '1' })
      clock.advance(500)
      const events = ['init', 'config_changed', 'authorization_created', 'ice_candidates', 'create_authorization', 'x']
      const frame = fc
        .record({
          topic: fc.string(),
          event: fc.constantFrom(...events),
          payload: fc.jsonValue(),
          ref: fc.constant(null),
        })
        .map((value) => JSON.stringify(value))
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), fc.oneof(frame, fc.string()), (bytes, text) => {
          const from = endpoint('203.0.113.20', 52_625)
          for (const each of [client, ...gateways]) {
            each.tell({ type: 'tunPackets', packets: [bytes] })
            each.tell({ type: 'datagramsReceived', datagrams: [{ from, bytes }] })
            each.tell({ type: 'frameReceived', text })
          }
        }),
      )
      client.send({ to: '198.51.100.9', port: 9, payload: '2' })
      clock.advance(500)
      expect(client.textsFrom('198.51.100.9', 9)).to.deep.equal(['printer: 1', 'printer: 2'])
    })

    it('a client ends signed out where the portal refuses the token', () => {
      portal.refuse = { status: 401, code: 'invalid_token' }
      const other = new VirtualClient({
        network,
        channel,
        transport,
        host: network.host('other', ['203.0.113.30']),
        token: 'bad',
        name: 'other',
      })
      other.start()
      clock.advance(100)
      expect(other.ended).to.equal('signed_out')
      expect(gitlab.id).to.not.equal('')
    })
  })
}
