import { after, SECOND } from '../../core/runtime/time.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import { numberedPacket, TunnelWire } from '../conformance/tunnel-wire.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import { ratePerSecond, type Figure } from './figure.ts'

const PACKET_BYTES = 1_420

/** Measures WireGuard in TypeScript on one core: both sides of a handshake, and packets one at a time. */
export const benchTransport = async (): Promise<Figure[]> => {
  const transport = new WireGuardTransport()
  const random = new SeededRandom('bench')
  const wire = new TunnelWire()
  const [a, b] = [transport.generateKeys(random), transport.generateKeys(random)]
  const tunnels = [a, b].map(({ privateKey }) => transport.createTunnel({ privateKey, random, unixAt: wire.unixAt }))
  const [here, there] = tunnels
  if (here === undefined || there === undefined) throw new Error('unreachable')

  let now = wire.now
  here.handle({ type: 'peerAdded', peer: 'b', publicKey: b.publicKey, path: 'a-b' }, now)
  there.handle({ type: 'peerAdded', peer: 'a', publicKey: a.publicKey, path: 'a-b' }, now)
  const handshake = (): void => {
    now = after(now, 200 * SECOND) // the session before has expired by then
    here.handle({ type: 'connectRequested', peer: 'b' }, now)
    exchange()
  }
  const exchange = (): void => {
    for (let moved = true; moved;) {
      moved = false
      for (const [from, to] of [
        [here, there],
        [there, here],
      ] as const) {
        for (let output = from.poll(); output !== undefined; output = from.poll()) {
          if (output.type !== 'sendDatagram') continue
          to.handle({ type: 'datagramReceived', path: 'a-b', datagram: output.datagram }, now)
          moved = true
        }
      }
    }
  }
  const handshakes = ratePerSecond(handshake, 2 * SECOND)

  handshake()
  const packet = numberedPacket(1, random, PACKET_BYTES)
  const seal = (): Uint8Array => {
    here.handle({ type: 'packetQueued', peer: 'b', packet }, now)
    const output = here.poll()
    if (output?.type !== 'sendDatagram') throw new Error('nothing was sealed')
    return output.datagram
  }
  const sealed = ratePerSecond(() => void seal())
  const both = ratePerSecond(() => {
    there.handle({ type: 'datagramReceived', path: 'a-b', datagram: seal() }, now)
    if (there.poll()?.type !== 'deliverPacket') throw new Error('nothing was delivered')
  })
  const nanoseconds = (rate: number): number => 1e9 / rate
  return [
    { name: 'WireGuard handshakes, both sides, TypeScript', value: handshakes, unit: '/s' },
    { name: `WireGuard, sealing ${PACKET_BYTES} bytes, TypeScript`, value: nanoseconds(sealed), unit: 'ns' },
    {
      name: `WireGuard, opening ${PACKET_BYTES} bytes, TypeScript`,
      value: nanoseconds(both) - nanoseconds(sealed),
      unit: 'ns',
    },
  ]
}
