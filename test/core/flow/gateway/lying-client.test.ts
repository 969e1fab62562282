import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { decodeControlFrame, encodeControlFrame, isControlFrame } from '../../../../core/flow/control-frame.ts'
import { GatewayFlows } from '../../../../core/flow/gateway/gateway-flows.ts'
import { instant } from '../../../../core/runtime/time.ts'
import { ADA, BOB, cidr, dns, GATEWAY, proxies, tcp } from '../../../kit/flow-bench.ts'
import { buildPacket, checksumsAreRight, describePacket, type PacketParts } from '../../../kit/packet-builder.ts'

// Ada may use 198.51.100.0/24 on port 443 for a minute, and *.example.org on port 80. All her packets are made up.
// Packets that leave by the TUN device are judged by rules written down a second time here, and much simpler.

const EXPIRY = 60_000
const SITE: Record<string, string[]> = {
  'a.example.org': ['10.0.0.1', '2001:db8::1'],
  'b.example.org': ['10.0.0.2'],
  // A name that matches the pattern, whose owner points it at another client, the gateway and its cloud.
  'evil.example.org': [BOB.ipv4, BOB.ipv6, '127.0.0.1', '169.254.169.254', GATEWAY.ipv4],
  'example.com': ['10.0.0.99'],
}
const addresses4 = [
  ADA.ipv4,
  BOB.ipv4,
  GATEWAY.ipv4,
  '198.51.100.7',
  '203.0.113.9',
  '10.0.0.1',
  '10.0.0.99',
  '224.0.0.1',
  '100.100.111.1',
]
const addresses6 = [ADA.ipv6, BOB.ipv6, GATEWAY.ipv6, '2001:db8::1', 'ff02::1', '::1']

const port = fc.constantFrom(80, 80, 443, 443, 22, 53_535, 40_000)
const packetParts: fc.Arbitrary<PacketParts> = fc.boolean().chain((isIpv4) => {
  const pool = isIpv4 ? [...addresses4, ...proxies(0).slice(0, 4)] : [...addresses6, ...proxies(0).slice(4)]
  return fc.record({
    kind: fc.constantFrom('tcp', 'tcp', 'tcp', 'udp', 'echoRequest', 'echoReply'),
    // Mostly her own address: other sources are refused early.
    source: fc.oneof({ weight: 3, arbitrary: fc.constant(isIpv4 ? ADA.ipv4 : ADA.ipv6) }, fc.constantFrom(...pool)),
    destination: fc.constantFrom(...pool),
    sourcePort: port,
    destinationPort: port,
    flags: fc.constantFrom('S', 'A', 'FA', 'R'),
  })
})

/** A byte of a packet that is overwritten. */
interface Change {
  at: number
  value: number
}

type Action =
  | { type: 'packet'; parts: PacketParts; damage: Change[] }
  | { type: 'assign'; resource: string; domain: string; mappedIps: string[] }
  | { type: 'bytes'; bytes: Uint8Array }
  | { type: 'wait'; milliseconds: number }
  | { type: 'network'; parts: PacketParts }

const damage: fc.Arbitrary<Change[]> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Change[]>([]) },
  { weight: 1, arbitrary: fc.array(fc.record({ at: fc.nat(59), value: fc.nat(255) }), { minLength: 1, maxLength: 2 }) },
)
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('packet' as const),
      parts: packetParts,
      damage,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('assign' as const),
      resource: fc.constantFrom('wiki', 'wiki', 'lab', 'secret'),
      domain: fc.constantFrom(...Object.keys(SITE)),
      mappedIps: fc.oneof(
        { weight: 4, arbitrary: fc.constant(proxies(0)) },
        fc.uniqueArray(fc.constantFrom(...addresses4, ...proxies(0)), { minLength: 1, maxLength: 8 }),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('bytes' as const), bytes: fc.uint8Array({ maxLength: 90 }) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('wait' as const), milliseconds: fc.nat(10_000) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('network' as const), parts: packetParts }) },
)

describe('a lying client', () => {
  it('P7 T6 a lying client gets nothing through that it may not have, whatever it sends', () => {
    let passed = 0
    fc.assert(
      fc.property(fc.array(action, { minLength: 20, maxLength: 80, size: 'max' }), (actions) => {
        const world = new World()
        for (const each of actions) passed += world.act(each)
      }),
      { numRuns: 500 },
    )
    // The test proves nothing if no packet ever passes.
    expect(passed).to.be.greaterThan(100)
  })
})

class World {
  readonly #flows = new GatewayFlows()
  #now = 0

  constructor() {
    const handle = (input: Parameters<GatewayFlows['handle']>[0]) => this.#flows.handle(input, instant(0))
    handle({ type: 'interfaceConfigured', ...GATEWAY })
    handle({ type: 'peerAdded', peer: 'ada', ...ADA })
    handle({ type: 'peerAdded', peer: 'bob', ...BOB })
    handle({
      type: 'granted',
      peer: 'ada',
      resource: cidr('lab', '198.51.100.0/24', tcp(443)),
      expiresAt: instant(EXPIRY),
    })
    handle({ type: 'granted', peer: 'ada', resource: dns('wiki', '*.example.org', tcp(80)) })
    handle({ type: 'granted', peer: 'bob', resource: cidr('secret', '203.0.113.0/24') })
  }

  /** Performs an action; returns the number of packets that left. */
  act(action: Action): number {
    const peer = 'ada'
    switch (action.type) {
      case 'wait':
        this.#now += action.milliseconds
        break
      case 'packet': {
        const packet = buildPacket(action.parts)
        for (const { at, value } of action.damage) if (at < packet.length) packet[at] = value
        this.#flows.handle({ type: 'tunnelPacket', peer, packet }, instant(this.#now))
        break
      }
      case 'bytes':
        this.#flows.handle({ type: 'tunnelPacket', peer, packet: action.bytes }, instant(this.#now))
        break
      case 'assign': {
        const packet = encodeControlFrame({ ...action, type: 'assignedIps' })
        this.#flows.handle({ type: 'tunnelPacket', peer, packet }, instant(this.#now))
        break
      }
      case 'network':
        this.#flows.handle({ type: 'tunPackets', packets: [buildPacket(action.parts)] }, instant(this.#now))
        break
    }
    return this.#judgeOutputs(action.type)
  }

  #judgeOutputs(cause: Action['type']): number {
    let left = 0
    for (let output = this.#flows.poll(); output !== undefined; output = this.#flows.poll()) {
      switch (output.type) {
        case 'resolve': {
          const all = SITE[output.domain] ?? []
          const ipv4 = all.filter((address) => !address.includes(':'))
          const ipv6 = all.filter((address) => address.includes(':'))
          this.#flows.handle({ type: 'resolved', lookup: output.lookup, ipv4, ipv6 }, instant(this.#now))
          break
        }
        case 'writeTun':
          this.#judge(output.packet)
          left++
          break
        case 'sendPacket':
          // Packets from the network may be for other clients.
          if (cause !== 'network') expect(output.peer, 'nobody else hears of it').to.equal('ada')
          if (isControlFrame(output.packet)) expect(decodeControlFrame(output.packet)).to.be.an('object')
          break
        case 'nameJudged':
        case 'removePeer':
        case 'granted':
        case 'withdrawn':
        case 'expired':
        case 'nameResolved':
          break
      }
    }
    return left
  }

  #judge(packet: Uint8Array): void {
    const text = describePacket(packet)
    const [kind, from = '', , to = ''] = text.split(' ')
    if (kind === 'ping' || kind === 'pong') {
      expect(text, text).to.satisfy((said: string) => said.endsWith(GATEWAY.ipv4) || said.endsWith(GATEWAY.ipv6))
      return
    }
    expect(from.startsWith(`${ADA.ipv4}:`) || from.startsWith(`[${ADA.ipv6}]:`), text).to.equal(true)
    const allowed =
      (kind === 'tcp' && /^198\.51\.100\.\d+:443$/.test(to) && this.#now < EXPIRY) ||
      (kind === 'tcp' && /^(10\.0\.0\.[12]|\[2001:db8::1\]):80$/.test(to)) ||
      [`${GATEWAY.ipv4}:53535`, `[${GATEWAY.ipv6}]:53535`].includes(to)
    expect(allowed, text).to.equal(true)
  }
}

describe('a gateway that is fed with whole and right packets', () => {
  it('T7 a gateway writes only packets with right checksums, whatever whole packets it gets', () => {
    fc.assert(
      fc.property(fc.array(packetParts, { maxLength: 30 }), (list) => {
        const flows = new GatewayFlows()
        const feed = (input: Parameters<GatewayFlows['handle']>[0]) => flows.handle(input, instant(0))
        feed({ type: 'interfaceConfigured', ...GATEWAY })
        feed({ type: 'peerAdded', peer: 'ada', ...ADA })
        feed({ type: 'granted', peer: 'ada', resource: dns('wiki', '*.example.org') })
        feed({ type: 'granted', peer: 'ada', resource: cidr('all', '0.0.0.0/0') })
        const domain = 'a.example.org'
        feed({
          type: 'tunnelPacket',
          peer: 'ada',
          packet: encodeControlFrame({ type: 'assignedIps', resource: 'wiki', domain, mappedIps: proxies(0) }),
        })
        feed({ type: 'resolved', lookup: 0, ipv4: ['10.0.0.1', '10.0.0.2'], ipv6: ['2001:db8::1'] })
        for (const parts of list) {
          feed({ type: 'tunnelPacket', peer: 'ada', packet: buildPacket(parts) })
          feed({ type: 'tunPackets', packets: [buildPacket(parts)] })
        }
        for (let output = flows.poll(); output !== undefined; output = flows.poll()) {
          if (!('packet' in output) || isControlFrame(output.packet)) continue
          expect(checksumsAreRight(output.packet), describePacket(output.packet)).to.equal(true)
        }
      }),
      { numRuns: 300 },
    )
  })
})
