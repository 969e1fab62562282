import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { SECOND } from '../../../core/runtime/time.ts'
import type { ResourceStatus } from '../../../hosts/client/session/client-status.ts'
import { MemoryTransport } from '../../../plugins/transport-memory/memory-transport.ts'
import { WireGuardTransport } from '../../../plugins/transport-wireguard/wireguard-transport.ts'
import { readPacket } from '../../kit/packet-seen.ts'
import { ScriptedPortal } from '../../kit/scripted-portal.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { VirtualClient } from '../../kit/virtual-client.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'
import { VirtualControlChannel } from '../../kit/virtual-control-channel.ts'
import { VirtualGateway } from '../../kit/virtual-gateway.ts'
import { VirtualNetwork, type VirtualHost } from '../../kit/virtual-network.ts'
import { VirtualSite } from '../../kit/virtual-site.ts'

for (const [named, transport] of [
  ['WireGuard', new WireGuardTransport()],
  ['the memory transport', new MemoryTransport()],
] as const) {
  for (const [family, printer] of [
    ['IPv4', '198.51.100.9'],
    ['IPv6', '2001:db8:10::9'],
  ] as const) {
    describe(`M4 a resource that packets do not reach, by ${family} over ${named}`, () => {
      let clock: VirtualClock
      let network: VirtualNetwork
      let portal: ScriptedPortal
      let portalHost: VirtualHost
      let client: VirtualClient
      let gateway: VirtualGateway

      beforeEach(() => {
        clock = new VirtualClock()
        network = new VirtualNetwork({ clock, random: new SeededRandom('network') })
        network.setEverywhere({ latencyMs: 5 })
        portalHost = network.host('portal', ['192.0.2.1'])
        const channel = new VirtualControlChannel({ network, host: portalHost })
        portal = new ScriptedPortal()
        channel.serve(portal)
        const site = new VirtualSite()
        site.machine('printer', ['198.51.100.9', '2001:db8:10::9'])
        portal.resources = [portal.cidr(1, '198.51.100.0/24'), portal.cidr(2, '2001:db8:10::/64')]
        const peer = { network, channel, transport, token: 'token' }
        const at = network.host('laptop', ['203.0.113.10', '2001:db8:1::10'])
        client = new VirtualClient({ ...peer, host: at, name: 'laptop' })
        const there = network.host('one', ['203.0.113.20', '2001:db8:2::20'])
        gateway = new VirtualGateway({ ...peer, site, host: there, name: 'one' })
        gateway.start()
        client.start()
        clock.advance(200)
      })

      const cut = (isCut: boolean): void =>
        network.setLink(client.host, gateway.host, isCut ? { cut: true } : { latencyMs: 5 })
      const send = (): void => client.send({ to: printer, port: 9, payload: 'x' })
      const errors = (): number =>
        client.written.filter((bytes) => readPacket(bytes)?.icmp === (family === 'IPv4' ? '3/1' : '1/3')).length
      const answers = (): number => client.textsFrom(printer, 9).length
      const status = (): ResourceStatus | undefined => {
        const id = portal.resources[family === 'IPv4' ? 0 : 1]?.id
        return client.state.resources.status(clock.now()).find((one) => one.id === id)
      }
      const notes = (message: string) =>
        client.outputs.flatMap((output) =>
          output.type === 'note' && output.message === message ? [output.fields] : [],
        )

      it(`M4 a resource that packets do not reach is not shown as connected, and says why, by ${family} over ${named}`, () => {
        cut(true)
        send()
        clock.advance(SECOND)
        expect(status()).to.include({ state: 'connecting', reason: null })
        clock.advance(14 * SECOND)
        expect(status()).to.include({ state: 'unreachable', reason: 'no-path' })
        expect(status()?.why.join(' ')).to.match(/UDP/)
        expect(notes('access granted')).to.have.length(1)
        expect(notes('the gateway is lost')[0]).to.include({ reason: 'no-path' })
      })

      it('M4 a resource that packets do not reach stays unreachable while it is tried again, and never swings to connected', () => {
        cut(true)
        const seen = new Set<string | undefined>()
        send()
        clock.advance(14 * SECOND)
        for (let second = 0; second < 90; second++) {
          send()
          clock.advance(SECOND)
          seen.add(status()?.state)
        }
        expect([...seen]).to.deep.equal(['unreachable'])
        // Ninety packets are logged in ten lines: the log does not fill the disk.
        expect(notes('access granted')).to.have.length(1)
        expect(notes('the gateway is lost').length).to.be.at.most(2)
      })

      it('T11 packets to a resource that packets do not reach, also waiting ones, are answered with an ICMP error at once', () => {
        cut(true)
        send()
        clock.advance(5 * SECOND)
        expect(errors()).to.equal(0)
        clock.advance(9 * SECOND)
        expect(errors()).to.equal(1)
        send()
        expect(errors()).to.equal(2)
        clock.advance(5 * SECOND)
        client.send({ to: printer, port: 9, payload: 'y' })
        expect(errors()).to.equal(3)
      })

      it('a resource is reached again as soon as there is a path, and then shown as connected', () => {
        cut(true)
        send()
        clock.advance(14 * SECOND)
        cut(false)
        for (let tries = 0; answers() === 0 && tries < 10; tries++) {
          send()
          clock.advance(SECOND)
        }
        expect(answers()).to.be.at.least(1)
        expect(status()).to.include({ state: 'connected', reason: null })
        expect(notes('a path to the gateway is found').length).to.be.at.least(1)
        const before = errors()
        send()
        clock.advance(SECOND)
        expect(errors()).to.equal(before)
      })

      it('an unreachable resource is idle a minute after the last attempt: nothing is known then', () => {
        cut(true)
        send()
        clock.advance(14 * SECOND)
        expect(status()?.state).to.equal('unreachable')
        // The waiting packet is refused, and the gateway is tried once more, for 12 s.
        clock.advance(85 * SECOND)
        expect(status()).to.include({ state: 'idle', reason: 'no-path' })
      })

      it('an unreachable resource is refused at once while the portal that has to grant it is away', () => {
        network.setLink(client.host, portalHost, { cut: true })
        clock.advance(60 * SECOND)
        send()
        expect(errors()).to.equal(1)
        expect(status()).to.include({ state: 'unreachable', reason: 'portal-unreachable' })
        network.setLink(client.host, portalHost, { latencyMs: 5 })
        clock.advance(70 * SECOND)
        send()
        clock.advance(SECOND)
        send()
        clock.advance(SECOND)
        expect(answers()).to.be.at.least(1)
        expect(status()?.state).to.equal('connected')
      })

      it('H7 a resource that was wanted while the portal was away is connected when it is back, without another packet', () => {
        network.setLink(client.host, portalHost, { cut: true })
        clock.advance(60 * SECOND)
        send()
        expect(status()).to.include({ state: 'unreachable', reason: 'portal-unreachable' })
        network.setLink(client.host, portalHost, { latencyMs: 5 })
        client.move(['203.0.113.11', '2001:db8:1::11'])
        clock.advance(2 * SECOND)
        expect(status()?.state).to.equal('connected')
      })
    })
  }
}
