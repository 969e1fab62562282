import { expect } from 'chai'
import { describe, it } from 'mocha'
import { MINUTE, SECOND } from '../../core/runtime/time.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import { buildPacket } from '../kit/packet-builder.ts'
import { readPacket } from '../kit/packet-seen.ts'
import { Retransmission } from '../kit/retransmission.ts'
import { VirtualWorld } from '../kit/virtual-world.ts'

const PRINTER = '192.0.2.9'
const PORT = 631
const TIMES = { '5 s': 5 * SECOND, '20 s': 20 * SECOND, '60 s': MINUTE, '5 min': 5 * MINUTE }
const GATEWAYS = {
  one: ['203.0.113.7', '2001:db8:7::7'],
  two: ['203.0.113.8', '2001:db8:7::8'],
}
const CLIENT = ['198.51.100.77', '2001:db8:77::77']

/** Networks that a machine comes back to, as its addresses. */
const RETURNS: Record<string, { client: readonly string[]; gateway: readonly string[] }> = {
  'the same network': { client: CLIENT, gateway: GATEWAYS.one },
  'another network': {
    client: ['198.51.100.78', '2001:db8:78::78'],
    gateway: ['203.0.113.107', '2001:db8:107::7'],
  },
  'a network with IPv6 only': { client: ['2001:db8:78::78'], gateway: ['2001:db8:107::7'] },
}

/** A client with an open TCP connection to a printer, behind gateways of one site. */
const connected = ({ gateways }: { gateways: number }) => {
  const world = new VirtualWorld({ transport: new WireGuardTransport() })
  const { clock, network, portal, portalHost, site } = world
  site.machine('printer', [PRINTER])
  const actor = portal.actor('ada')
  portal.policy(portal.group('staff', actor).id, portal.resource('cidr', `${PRINTER}/32`).id)
  for (const [name, addresses] of Object.entries(GATEWAYS).slice(0, gateways))
    world.startGateway(name, portal.siteId, { addresses })
  clock.advance(SECOND)
  const client = world.startClient('ada', actor, { addresses: CLIENT })
  clock.advance(SECOND)
  const segment = (flags: string, payload = ''): void =>
    client.sendPacket(
      buildPacket({
        source: client.ipv4,
        destination: PRINTER,
        destinationPort: PORT,
        flags,
        payload: new TextEncoder().encode(payload),
      }),
    )
  const hears = (payload: string): boolean => client.written.some((bytes) => textOf(bytes) === payload)
  segment('S')
  clock.advance(SECOND)
  segment('PA', 'hello')
  clock.advance(5 * SECOND)
  expect(hears('printer: hello')).to.equal(true)
  const serving = [...world.gateways.values()].find(({ name }) => site.arrived.at(-1)?.gateway === name)
  if (serving === undefined) throw new Error('no gateway serves')
  const others = [portalHost, ...[...world.gateways.values()].map(({ host }) => host), client.host]
  /** Takes a machine off every network, and back to one with these addresses. */
  const cut = (peer: typeof client | typeof serving) => {
    for (const host of others) if (host !== peer.host) network.setLink(peer.host, host, { cut: true })
    peer.move([])
    return (addresses: readonly string[]): void => {
      network.clearLinks()
      peer.move(addresses)
    }
  }
  /** Whether the printer was ever told of another connection, or the application that its own is over. */
  const isBroken = (): boolean =>
    site.arrived.some(({ gateway }) => gateway !== serving.name) ||
    client.written.some((bytes) => ((readPacket(bytes)?.tcpFlags ?? 0) & RST) !== 0)
  return { world, client, serving, cut, segment, hears, isBroken }
}

const RST = 4

const textOf = (bytes: Uint8Array): string | undefined => {
  const seen = readPacket(bytes)
  return seen?.kind === 'tcp' ? new TextDecoder().decode(seen.payload) : undefined
}

describe('a time without any network', () => {
  for (const who of ['client', 'gateway'] as const) {
    it(`H7 a connection carries data within 2 s after its ${who} had no network for 5 s to 5 min, in whatever network it is then, whoever sends`, () => {
      const { world, client, serving, cut, segment, hears, isBroken } = connected({
        gateways: who === 'client' ? 2 : 1,
      })
      const { clock, site } = world
      let isSiteSending = false
      for (const [time, awayMs] of Object.entries(TIMES)) {
        for (const [place, { [who]: addresses }] of Object.entries(RETURNS)) {
          isSiteSending = !isSiteSending
          const said = `${isSiteSending ? 'site' : 'client'}, after ${time}, in ${place}`
          const awaited = isSiteSending ? said : `printer: ${said}`
          const back = cut(who === 'client' ? client : serving)
          const sending = new Retransmission(clock, () => {
            if (hears(awaited)) return sending.end()
            if (isSiteSending) site.push(said)
            else segment('PA', said)
          })
          client.onWritten = (bytes) => {
            if (readPacket(bytes)?.icmp === '3/1') sending.disrupted()
          }
          clock.advance(awayMs)
          back(addresses)
          const took = world.until(() => hears(awaited), { withinMs: 60 * SECOND, stepMs: 20 })
          expect(took, said).to.be.lessThan(2 * SECOND)
          expect(isBroken(), said).to.equal(false)
          clock.advance(10 * SECOND)
        }
      }
    })
  }
})
