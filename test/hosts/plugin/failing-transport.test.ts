import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { Tunnel } from '../../../core/contract/tunnel-transport.ts'
import type { TransportCall } from '../../../core/ice/guarded-tunnel.ts'
import { createdTunnel, generatedKeys } from '../../../core/plugin/generated-keys.ts'
import { SECOND, unixTime } from '../../../core/runtime/time.ts'
import { PluginMetrics } from '../../../core/plugin/plugin-metrics.ts'
import { statusOf } from '../../../hosts/client/status.ts'
import { WireGuardTransport } from '../../../plugins/transport-wireguard/wireguard-transport.ts'
import { FailingTransport, type Misdeed } from '../../kit/failing-transport.ts'
import { readPacket } from '../../kit/packet-seen.ts'
import { ScriptedPortal } from '../../kit/scripted-portal.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { VirtualClient } from '../../kit/virtual-client.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'
import { VirtualControlChannel } from '../../kit/virtual-control-channel.ts'
import { VirtualGateway } from '../../kit/virtual-gateway.ts'
import { VirtualNetwork } from '../../kit/virtual-network.ts'
import { VirtualSite } from '../../kit/virtual-site.ts'

const PRINTER = '198.51.100.9'

const throwing =
  (error: unknown): Misdeed =>
  () => {
    throw error
  }
const rejecting: Misdeed = () => Promise.reject(new Error('later'))
const ERROR = new Error('the plugin has a bug')

const INPUTS = ['peerAdded', 'pathChosen', 'connectRequested', 'packetQueued', 'datagramReceived'] as const
const MISDEEDS: readonly (readonly [TransportCall, string, Misdeed])[] = [
  ...[...INPUTS, 'wake' as const, 'poll' as const, 'deadline' as const].flatMap((call) => [
    [call, 'throws', throwing(ERROR)] as const,
    [call, 'answers with a promise that rejects', rejecting] as const,
  ]),
  ['peerAdded', 'throws what has no text', throwing(Object.create(null))],
  ['poll', 'has output without end', () => ({ type: 'sessionEstablished', peer: 'nobody' })],
  ['poll', 'has null without end', () => null],
  ['deadline', 'names a moment that stays in the past', () => ({ at: 0, reason: 'late' })],
  ['deadline', 'names no number', () => ({ at: Number.NaN, reason: 'never' })],
  ['deadline', 'answers null', () => null],
]
/** Calls that carrying packets depends on, by role. The gateway neither begins nor sends first. */
const NEEDED = {
  client: new Set<TransportCall>([
    'peerAdded',
    'pathChosen',
    'connectRequested',
    'packetQueued',
    'datagramReceived',
    'poll',
  ]),
  gateway: new Set<TransportCall>(['peerAdded', 'datagramReceived', 'poll']),
}

describe('X2 a transport plugin that fails', () => {
  let clock: VirtualClock
  let portal: ScriptedPortal
  let client: VirtualClient
  let gateway: VirtualGateway
  let transports: { client: FailingTransport; gateway: FailingTransport }

  beforeEach(() => {
    clock = new VirtualClock()
    const network = new VirtualNetwork({ clock, random: new SeededRandom('network') })
    network.setEverywhere({ latencyMs: 5 })
    const channel = new VirtualControlChannel({ network, host: network.host('portal', ['192.0.2.1']) })
    portal = new ScriptedPortal()
    channel.serve(portal)
    const site = new VirtualSite()
    site.machine('printer', [PRINTER])
    portal.resources = [portal.cidr(1, '198.51.100.0/24')]
    transports = {
      client: new FailingTransport(new WireGuardTransport()),
      gateway: new FailingTransport(new WireGuardTransport()),
    }
    const peer = { network, channel, token: 'token' }
    const at = network.host('laptop', ['203.0.113.10'])
    client = new VirtualClient({ ...peer, host: at, name: 'laptop', transport: transports.client })
    const there = network.host('one', ['203.0.113.20'])
    gateway = new VirtualGateway({ ...peer, site, host: there, name: 'one', transport: transports.gateway })
    gateway.start()
    client.start()
    clock.advance(200)
  })

  const send = (): void => client.send({ to: PRINTER, port: 9, payload: 'x' })
  const answers = (): number => client.textsFrom(PRINTER, 9).length
  const status = () =>
    statusOf(client.state, {
      clocks: clock.pair(),
      account: undefined,
      portalUrl: 'wss://portal.example.org',
      deviceKey: '',
      pluginMetrics: new PluginMetrics(),
      isUsable: true,
      lane: { kind: 'script', reason: 'a test' },
      problems: [],
    })
  const resource = () => status().resources[0]
  const go = (seconds: number): void => {
    for (let second = 0; second < seconds; second++) {
      send()
      clock.advance(SECOND)
    }
  }
  const warnings = (role: 'client' | 'gateway') =>
    (role === 'client' ? client : gateway).outputs.flatMap((output) =>
      output.type === 'note' && output.level === 'warn' ? [output] : [],
    )
  const faults = (role: 'client' | 'gateway'): number =>
    (role === 'client' ? client.state.counters()['connections'] : gateway.state.counters()['tunnels'])?.[
      'transport-fault'
    ] ?? 0

  for (const role of ['client', 'gateway'] as const) {
    for (const [call, what, misdeed] of MISDEEDS) {
      it(`X2 the ${role} lives through a transport that ${what} at ${call}, and says so; mended, packets pass`, () => {
        transports[role].misdeeds.set(call, misdeed)
        go(30)
        const isMet = faults(role) > 0 || what === 'has null without end'
        if (NEEDED[role].has(call)) {
          expect(answers()).to.equal(0)
          expect(resource()?.state).to.not.equal('connected')
          if (role === 'client') expect(status().state).to.equal('connecting')
          expect(isMet).to.equal(true)
          expect((role === 'client' ? client : gateway).state.transport.problem).to.include({
            code: 'transport_failing',
          })
        }
        if (faults(role) > 0) {
          const [first] = warnings(role)
          expect(first?.fields)
            .to.include({ plugin: 'unnamed', call })
            .and.to.have.property('stack')
            .that.is.a('string')
        }
        expect(warnings(role).length).to.be.at.most(4)
        transports[role].misdeeds.clear()
        const before = answers()
        const { state } = role === 'client' ? client : gateway
        const isWell = () => state.transport.problem === null && resource()?.state === 'connected'
        for (let tries = 0; (answers() === before || !isWell()) && tries < 180; tries++) go(1)
        expect(answers()).to.be.greaterThan(before)
        expect(isWell()).to.equal(true)
      })
    }
  }

  for (const call of ['packetQueued', 'datagramReceived', 'poll'] as const) {
    it(`X2 a client whose transport begins to fail at ${call} is not shown as connected any more, and applications are told`, () => {
      go(2)
      expect(resource()?.state).to.equal('connected')
      const before = answers()
      transports.client.misdeeds.set(call, throwing(ERROR))
      go(30)
      expect(answers()).to.equal(before)
      expect(resource(), JSON.stringify(status())).to.include({ state: 'unreachable', reason: 'transport-failing' })
      expect(resource()?.why.join(' ')).to.match(/plugin/)
      expect(client.written.filter((bytes) => readPacket(bytes)?.icmp === '3/1').length).to.be.at.least(1)
    })
  }

  it('X2 one datagram or packet at which a transport fails costs only that one', () => {
    go(2)
    for (const call of ['packetQueued', 'datagramReceived'] as const) {
      let bad = 3
      transports.client.misdeeds.set(call, () => {
        if (--bad === 0) transports.client.misdeeds.delete(call)
        throw ERROR
      })
      const before = answers()
      go(6)
      expect(bad).to.equal(0)
      expect(answers()).to.be.at.least(before + 3)
      expect(resource()?.state).to.equal('connected')
    }
    expect(faults('client')).to.equal(6)
    expect(client.state.transport.problem).to.equal(null)
  })

  it('X2 a transport that makes no keys or no tunnel stops the start with its code', () => {
    const random = new SeededRandom('keys')
    expect(() => generatedKeys({ generateKeys: throwing(ERROR) as never }, random))
      .to.throw(OperatorError)
      .with.property('code', 'PLUGIN_KEYS')
    const options = { privateKey: new Uint8Array(32), random, unixAt: () => unixTime(0) }
    const none = [throwing(ERROR), () => undefined, () => null, () => ({}), () => ({ handle: ERROR }), rejecting]
    for (const createTunnel of none as (() => Tunnel)[]) {
      expect(() => createdTunnel({ createTunnel }, options))
        .to.throw(OperatorError)
        .with.property('code', 'PLUGIN_TUNNEL')
    }
  })
})
