import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { encodeControlFrame } from '../../../core/flow/control-frame.ts'
import { eventually } from '../../../hosts/lab/eventually.ts'
import type { Part } from '../../../hosts/lab/part.ts'
import { buildIcmpError, buildIp, buildPacket, describePacket, type PacketParts } from '../../kit/packet-builder.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'
import type { Bed } from '../bed/bed.ts'
import { HostileGateway } from '../bed/hostile-gateway.ts'
import { Passed } from '../bed/passed.ts'
import { ADMIN_PORT, CLIENT_HOST, ECHO_PORT, ipv4Of, ipv6Of, NEIGHBOUR_HOST, WEB_PORT } from '../bed/topology.ts'

const FAMILIES = [
  {
    family: 'IPv4',
    server: '198.51.100.7',
    /** Sources that this gateway serves, that another one serves, and that nobody serves. */
    forged: ['198.51.100.8', ipv4Of('site', 7), '127.0.0.1', '203.0.113.99', '100.96.0.77', '100.64.0.99', '0.0.0.0'],
    notItsOwn: [ipv4Of('lan', CLIENT_HOST), ipv4Of('lan', NEIGHBOUR_HOST), '127.0.0.1', '100.64.0.99', '224.0.0.251'],
  },
  {
    family: 'IPv6',
    server: '2001:db8:5::7',
    forged: [
      '2001:db8:5::8',
      ipv6Of('site', 7),
      '::1',
      'fe80::1',
      'fd00:2021:1111:8000::77',
      'fd00:2021:1111::99',
      '::',
    ],
    notItsOwn: [ipv6Of('lan', CLIENT_HOST), ipv6Of('lan', NEIGHBOUR_HOST), '::1', 'fd00:2021:1111::99', 'ff02::fb'],
  },
] as const

/** Asks a server by UDP and prints each answer that comes until the last one. */
const ASK_AND_LISTEN = `
import socket, sys
asking = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
asking.connect((sys.argv[1], 443))
asking.send(b'?')
while True:
    said = asking.recv(100).decode()
    print(said, flush=True)
    if said == 'answer':
        break
`

/** T12, T6: a gateway of the person's own account that was taken over, on the kernels of both ends. */
export const hostileGatewayTests = (bed: () => Bed): void => {
  describe('T12 T6 a hostile gateway', () => {
    let gateway: HostileGateway
    let own: { ipv4: string; ipv6: string }

    before(async function () {
      this.timeout(240_000)
      await bed().make('den', 'sites', { name: 'den' })
      gateway = await HostileGateway.join(bed(), { name: 'hostile', host: 120, site: 'den' })
      await bed().resource('den net', '198.51.100.0/24', [], 'den')
      await bed().resource('den net6', '2001:db8:5::/64', [], 'den')
      for (const name of ['den net', 'den net6']) await bed().knows(name)
      const client = (await bed().api.list('clients')).find((row) => row['name'] === 'client')
      own = { ipv4: String(client?.['ipv4']), ipv6: String(client?.['ipv6']) }
      // Services of the client's own machine, on every address that it has.
      await bed().serve('client')
    })
    after(async () => {
      gateway.close()
      await bed().stopPart('client-server')
    })

    const services = (): Part => bed().part('client-server')

    const dropped = async (): Promise<Record<string, number>> => {
      const sums: Record<string, number> = {}
      for (const [reason, count] of Object.values((await bed().status()).dropped).flatMap((counts) =>
        Object.entries(counts),
      ))
        sums[reason] = (sums[reason] ?? 0) + count
      return sums
    }

    for (const { family, server, forged, notItsOwn } of FAMILIES) {
      it(`answers what an application asked, and reaches no service and no other application, ${family}`, async () => {
        const isIpv6 = server.includes(':')
        const destination = isIpv6 ? own.ipv6 : own.ipv4
        const machine = bed().machine('client')
        const named = isIpv6 ? 'ip6 saddr' : 'ip saddr'
        const passed = await Passed.watch(machine, `${named} { ${[server, ...forged].join(', ')} }`, 'tun-portreeve')
        const application = machine.spawn('python3', ['-c', ASK_AND_LISTEN, server], { name: `asking-${family}` })
        try {
          const asked = await gateway.packet('the question', (packet) =>
            describePacket(packet).endsWith(isIpv6 ? `[${server}]:443` : `${server}:443`),
          )
          const port = Number(/:(\d+) > /.exec(describePacket(asked))?.[1])
          const heard = services().output.length
          const before = await dropped()
          const said = (text: string): Uint8Array => new TextEncoder().encode(text)
          const packet = (parts: Partial<PacketParts>): Uint8Array =>
            buildPacket({ source: server, destination, sourcePort: 443, destinationPort: port, ...parts })
          const unasked = [server, ...forged].flatMap((source) => [
            ...[WEB_PORT, ADMIN_PORT, 5_300].map((to) => packet({ source, destinationPort: to })),
            ...[ECHO_PORT, 5_300].map((to) =>
              packet({ source, kind: 'udp', destinationPort: to, payload: said('forged') }),
            ),
            packet({ source, flags: 'SA', destinationPort: WEB_PORT }),
            packet({ source, kind: 'echoRequest', sourcePort: 3 }),
            packet({ source, kind: 'echoReply', sourcePort: 4 }),
          ])
          const answersOfOthers = forged.map((source) => packet({ source, kind: 'udp', payload: said('forged') }))
          const elsewhere = notItsOwn.flatMap((to) => [
            packet({ destination: to, destinationPort: WEB_PORT }),
            packet({ destination: to, kind: 'udp', destinationPort: ECHO_PORT, payload: said('forged') }),
          ])
          const almostAnswers = [
            packet({ kind: 'udp', sourcePort: 444, payload: said('forged') }),
            packet({ kind: 'udp', destinationPort: port === 1_025 ? 1_026 : port - 1, payload: said('forged') }),
            packet({ flags: 'SA' }),
            buildIcmpError({
              source: server,
              destination,
              type: isIpv6 ? 1 : 3,
              code: isIpv6 ? 4 : 3,
              about: buildPacket({ kind: 'udp', source: destination, destination: server, sourcePort: 9 }),
            }),
            buildIp({ source: server, destination, protocol: 47, transport: Array.from({ length: 20 }, () => 0) }),
          ]
          const frames = [
            encodeControlFrame({
              type: 'assignedIps',
              resource: bed().id('wiki.example.org'),
              domain: 'wiki.example.org',
              mappedIps: ['100.96.0.77'],
            }),
            encodeControlFrame({
              type: 'domainStatus',
              resource: bed().id('wiki.example.org'),
              domain: 'wiki.example.org',
              status: 'Inactive',
            }),
          ]
          gateway.send(...unasked, ...answersOfOthers, ...elsewhere, ...almostAnswers, ...frames)
          gateway.send(packet({ kind: 'udp', payload: said('answer') }))
          await application.line((line) => line === 'answer', { timeoutMs: PATIENCE_MS })
          // Whatever of the lies got through did so before the answer.
          expect(application.output).not.to.include('forged')
          expect(await passed.count(), 'packets that the client wrote to its device').to.equal(1)
          expect(services().output.slice(heard), 'what services heard').to.equal('')
          const lies = unasked.length + answersOfOthers.length + elsewhere.length + almostAnswers.length + frames.length
          await eventually(
            async () => {
              const counts = await dropped()
              const more = (reason: string): number => (counts[reason] ?? 0) - (before[reason] ?? 0)
              const reasons = [
                'no-flow',
                'source-not-routed',
                'destination-not-own',
                'control-direction',
                'unknown-peer',
              ]
              const all = Object.keys(counts).reduce((sum, reason) => sum + more(reason), 0)
              if (all >= lies && reasons.every((reason) => more(reason) > 0)) return true
              throw new Error(`${all} of ${lies}: ${reasons.map((reason) => `${reason} ${more(reason)}`).join(', ')}`)
            },
            { what: 'a counted drop of each lie', timeoutMs: PATIENCE_MS },
          )
          // Traffic of another gateway goes on.
          expect((await bed().page('http://wiki.example.org/')).server).to.equal('target')
        } finally {
          await application.stop()
        }
      })
    }
  })
}
