import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { decodeControlFrame, encodeControlFrame, isControlFrame } from '../../../core/flow/control-frame.ts'
import { buildIcmpError, buildIp, buildPacket, describePacket } from '../../kit/packet-builder.ts'
import type { Bed } from '../bed/bed.ts'
import { Liar } from '../bed/liar.ts'
import { Passed } from '../bed/passed.ts'
import {
  ADMIN_PORT,
  ECHO_PORT,
  GATEWAY_HOST,
  ipv4Of,
  ipv6Of,
  TARGET_HOST,
  WEB_PORT,
  type Families,
} from '../bed/topology.ts'
import { Trial } from './trial.ts'

const TARGET = { ipv4: ipv4Of('site', TARGET_HOST), ipv6: ipv6Of('site', TARGET_HOST) }
/** IPv4 addresses that an attacker would like to reach through the gateway. */
const ELSEWHERE = [
  '10.20.0.1',
  ipv4Of('site', GATEWAY_HOST),
  '127.0.0.1',
  '169.254.169.254',
  '224.0.0.5',
  '255.255.255.255',
  '203.0.113.80',
]

/**
 * Tests of a client with the real transport and the real control channel that lies to a real gateway. They count the
 * packets that get through.
 */
export const lyingClientTests = (bed: () => Bed): void => {
  describe('P7 T6 a client that lies gets nothing through', () => {
    for (const { families, host } of [
      { families: 'ipv4', host: 66 },
      { families: 'ipv6', host: 68 },
    ] as const) {
      describe(`over ${families === 'ipv4' ? 'IPv4' : 'IPv6'}`, () => lies(bed, { families, host }))
    }
  })
}

const lies = (bed: () => Bed, { families, host }: { families: Families; host: number }): void => {
  let liar: Liar
  let trial: Trial
  const own: Trial['own'] = (parts) => trial.own(parts)
  const nothingOf: Trial['nothingOf'] = (...packets) => trial.nothingOf(...packets)

  before(async function () {
    this.timeout(240_000)
    const passed = await Passed.watch(bed().machine('gateway'))
    liar = await Liar.join(bed(), { name: `liar-${families}`, host, families })
    for (const resource of ['target', 'target6', 'web.example.org']) {
      expect(await liar.ask(resource)).to.equal('authorization_created')
    }
    await liar.connected()
    trial = new Trial(bed(), liar, passed)
  })

  after(() => liar.close())

  const refusal = (packet: Uint8Array): string => {
    const isIpv6 = describePacket(packet).includes('::')
    const source = isIpv6 ? '[0-9a-f:]+' : '[0-9.]+'
    const [type, code] = isIpv6 ? [1, 1] : [3, 13]
    return `^icmp ${type}/${code} ${source} > ${isIpv6 ? liar.ipv6 : liar.ipv4} \\(${escaped(describePacket(packet))}\\)$`
  }

  it('T4 a client that ignores its filters is refused by the gateway too, with an error that quotes its packet', async () => {
    const lies = [TARGET.ipv4, TARGET.ipv6].flatMap((destination) => [
      own({ destination, destinationPort: ADMIN_PORT }),
      own({ kind: 'udp', destination, destinationPort: ECHO_PORT }),
      own({ kind: 'echoRequest', destination, sourcePort: 7 }),
    ])
    await nothingOf(...lies)
    for (const lie of lies) {
      const expected = new RegExp(refusal(lie))
      await liar.packet(String(expected), (packet) => expected.test(describePacket(packet)))
    }
  })

  it('T6 a client that forges its source gets nothing through: others’ tunnel addresses, the site’s, the world’s, none', async () => {
    const ipv4s = [
      '100.64.0.99',
      ipv4Of('site', 7),
      ipv4Of('site', GATEWAY_HOST),
      '127.0.0.1',
      '0.0.0.0',
      '203.0.113.80',
      '255.255.255.255',
    ]
    const ipv6s = ['fd00:2021:1111::99', ipv6Of('site', 7), '::1', '::', 'fe80::1']
    await nothingOf(
      ...ipv4s.map((source) => buildPacket({ source, destination: TARGET.ipv4, destinationPort: WEB_PORT })),
      ...ipv6s.map((source) => buildPacket({ source, destination: TARGET.ipv6, destinationPort: WEB_PORT })),
    )
  })

  it('P7 a client gets nothing to a destination without a grant: other addresses, the gateway’s ports, another client', async () => {
    const others = await bed().api.list('clients')
    const client = others.find((row) => row['name'] === 'client')
    const tunnelAddresses = [client?.['ipv4'], client?.['ipv6']].map(String)
    await nothingOf(
      ...ELSEWHERE.map((destination) => own({ destination, destinationPort: WEB_PORT })),
      ...tunnelAddresses.flatMap((destination) => [
        own({ destination, destinationPort: 22 }),
        own({ kind: 'echoRequest', destination, sourcePort: 9 }),
      ]),
      own({ destination: 'ff02::1', destinationPort: WEB_PORT }),
    )
  })

  it('P7 a client gets nothing to a false mapped address: never assigned, of other names, of the site, too many, one twice', async () => {
    const id = bed().id('web.example.org')
    const assign = (domain: string, mappedIps: string[], resource = id): Uint8Array =>
      encodeControlFrame({ type: 'assignedIps', resource, domain, mappedIps })
    const tooMany = Array.from({ length: 9 }, (_, at) => `100.96.1.${at}`)
    const reached = (destination: string): Uint8Array => own({ destination, destinationPort: WEB_PORT })
    const statuses = new Map<string, string>()
    const heardOf = (domain: string, status: 'Active' | 'Inactive'): Promise<unknown> =>
      liar.packet(`${domain} ${status}`, (packet) => {
        const frame = isControlFrame(packet) ? decodeControlFrame(packet) : undefined
        if (typeof frame === 'object' && frame.type === 'domainStatus') statuses.set(frame.domain, frame.status)
        return statuses.get(domain) === status
      })
    const reasons = { 'assignment-not-granted': 2, 'assignment-proxies': 2, 'control-body': 2, 'no-grant': 5 }
    await trial.droppedFor(reasons, () =>
      liar.send(
        assign('wiki.example.org', ['100.96.0.9']),
        assign('nothing.example.org', ['100.96.0.9'], bed().id('wiki.example.org')),
        assign('web.example.org', ['10.20.0.1']),
        assign('web.example.org', ['100.64.0.1', 'fd00:2021:1111::1']),
        assign('web.example.org', tooMany),
        assign('web.example.org', ['100.96.2.1', '100.96.2.1']),
        ...['100.96.0.9', '100.96.1.0', '100.96.2.1', 'fd00:2021:1111:8000::9', '10.20.0.1'].map(reached),
      ),
    )
    for (const domain of ['wiki.example.org', 'nothing.example.org', 'web.example.org'])
      await heardOf(domain, 'Inactive')
    // A valid frame has an effect, so that the refusals can be believed.
    liar.send(assign('web.example.org', ['100.96.2.1']))
    await heardOf('web.example.org', 'Active')
    await trial.allAfter(() => liar.send(reached('100.96.2.1')), 1)
  })

  it('P7 a client gets nothing through with false lengths, headers and fragments', async () => {
    const honest = own({ destination: TARGET.ipv4, destinationPort: WEB_PORT })
    const changed = (at: number, ...bytes: number[]): Uint8Array => {
      const packet = honest.slice()
      packet.set(bytes, at)
      return packet
    }
    const honest6 = own({ destination: TARGET.ipv6, destinationPort: WEB_PORT })
    const refused6 = own({ destination: TARGET.ipv6, destinationPort: ADMIN_PORT })
    const lies = [
      changed(2, 0xff, 0xff),
      changed(2, 0, 19),
      changed(0, 0x44),
      changed(0, 0x4f),
      changed(0, 0x46),
      changed(0, 0x55),
      changed(6, 0x20, 0),
      changed(6, 0, 1),
      changed(32, 0x10),
      changed(32, 0xf0),
      honest.slice(0, 30),
      honest6.slice(0, 45),
      Uint8Array.from(honest6, (byte, at) => (at === 4 || at === 5 ? 0xff : byte)),
      // A routing header of type 0, hop-by-hop options and a fragment before a port that is refused.
      ...[43, 0, 44].map((protocol) =>
        buildIp({
          source: liar.ipv6,
          destination: TARGET.ipv6,
          protocol,
          transport: [6, 0, 0, 0, 0, 0, 0, 0, ...refused6.slice(40)],
        }),
      ),
      buildIp({ source: liar.ipv4, destination: TARGET.ipv4, protocol: 47, transport: [0, 0, 8, 0, ...honest] }),
      buildIp({ source: liar.ipv4, destination: TARGET.ipv4, protocol: 4, transport: [...honest] }),
      buildIp({ source: liar.ipv4, destination: TARGET.ipv4, protocol: 41, transport: [...honest6] }),
      // An ICMP error about a flow that does not exist.
      buildIcmpError({ source: liar.ipv4, destination: TARGET.ipv4, type: 3, code: 4, rest: 68, about: honest }),
    ]
    const reasons = {
      'not-an-ip-packet': 3,
      'packet-options': 2,
      'packet-fragment': 3,
      'packet-transport': 2,
      'packet-extension-header': 1,
      'icmp-error': 1,
    }
    await trial.droppedFor(reasons, () => liar.send(...lies))
  })

  it('P7 a client gets no effect from false control frames: of the wrong direction, without an end, and noise', async () => {
    const noise = encodeControlFrame({ type: 'domainStatus', resource: 'r', domain: 'd', status: 'Active' })
    const ofType = (type: number): Uint8Array => Uint8Array.from(noise, (byte, at) => (at === 40 ? type : byte))
    const answers = (): number => liar.packets.filter(isControlFrame).length
    const before = answers()
    const reasons = {
      'control-direction': 2,
      'control-unknown-type': 3,
      'control-truncated': 1,
      'not-an-ip-packet': 1,
      'control-body': 2,
    }
    await trial.droppedFor(reasons, () =>
      liar.send(
        noise,
        ...[0, 1, 3, 77, 255].map(ofType),
        noise.slice(0, 60),
        // This packet ends before its header does.
        Uint8Array.from(noise, (byte, at) => (at === 4 ? 0 : at === 5 ? 7 : byte)),
        Uint8Array.from(noise, (byte, at) => (at > 48 ? (at * 97) & 255 : byte)),
      ),
    )
    expect(answers(), 'control frames in answer').to.equal(before)
  })

  describe('T9 false datagrams of a client', () => {
    /** Seals a valid message that the gateway has not seen yet. */
    const sealed = async (): Promise<Uint8Array> => {
      const [datagram = new Uint8Array()] = await liar.seal(
        own({ destination: TARGET.ipv4, destinationPort: WEB_PORT }),
      )
      expect(datagram.length).to.be.greaterThan(60)
      return datagram
    }

    it('T9 repeated datagrams yield no packet', async () => {
      const honest = own({ destination: TARGET.ipv4, destinationPort: WEB_PORT })
      await trial.allAfter(() => liar.send(honest, honest, honest), 3)
      const repeated = liar.sent.slice(-3)
      await trial.droppedFor({ replayed: 6 }, () => liar.sendRaw(...repeated, ...repeated))
    })

    it('T9 datagrams with a changed index, counter, text or tag yield no packet', async () => {
      const datagram = await sealed()
      const tampered = [4, 8, 20, datagram.length - 1].map((at) =>
        Uint8Array.from(datagram, (byte, index) => (index === at ? byte ^ 1 : byte)),
      )
      await trial.droppedFor({ 'unknown-index': 1, 'wrong-key': 3 }, () => liar.sendRaw(...tampered))
      await trial.allAfter(() => liar.sendRaw(datagram), 1)
    })

    it('T9 datagrams that are cut short yield no packet', async () => {
      const datagram = await sealed()
      const cut = [0, 1, 4, 15, 31, 32, datagram.length - 1].map((length) => datagram.slice(0, length))
      await trial.droppedFor({ 'wrong-length': 1, 'wrong-key': 2 }, () => liar.sendRaw(...cut))
      await trial.allAfter(() => liar.sendRaw(datagram), 1)
    })

    it('T9 datagrams older than the replay window yield no packet', async () => {
      const late = await sealed()
      // A destination that is refused, so that the packets cost the site nothing.
      const refused = own({ destination: TARGET.ipv4, destinationPort: 9 })
      await trial.droppedFor({ 'port-refused': 1 }, () =>
        liar.send(...Array.from({ length: WINDOW_PLACES + 1 }, () => refused)),
      )
      await trial.droppedFor({ 'too-old': 1 }, () => liar.sendRaw(late))
    })

    it('T9 handshakes for another key yield no session', async () => {
      const initiation = Uint8Array.from([1, 0, 0, 0, ...new Uint8Array(144).fill(7)])
      const response = Uint8Array.from([2, 0, 0, 0, ...new Uint8Array(88).fill(7)])
      const before = liar.handshakes.length
      await trial.droppedFor({ 'wrong-mac1': 2 }, () => liar.sendRaw(initiation, response))
      expect(liar.handshakes.length).to.equal(before)
    })
  })
}

/** Counters in the replay window of RFC 6479, as in wireguard-go and the kernel. */
const WINDOW_PLACES = 8_160

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
