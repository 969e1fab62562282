// Runs in a network namespace of its own, see tun-device.test.ts: opens a TUN device that swaps the addresses of each
// packet, so that the host reaches itself at the far end, and that answers pings to other addresses. Prints one JSON
// line when it is ready, and then follows its argument: `ping` waits to be killed, `transfer` moves data through the
// device and reports.
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { checksumOf, sumWords } from '../../../core/net/checksum.ts'
import { endpoint } from '../../../core/runtime/endpoint.ts'
import { createDatagramSockets, createNetworkConfiguration, createTunDevices } from '../../../hosts/runtime/index.ts'

const BYTES = 16 << 20
const MTU = 1280
const NETWORKS = [
  { here: '192.0.2.1', there: '192.0.2.2', udp: 'udp4' },
  { here: '2001:db8::1', there: '2001:db8::2', udp: 'udp6' },
] as const

const seen = { bursts: 0, udpBursts: 0, packets: 0, largestBurst: 0, largestPacket: 0 }

const swap = (packet: Uint8Array): Uint8Array => {
  const copy = packet.slice()
  const [at, length] = (copy[0] ?? 0) >>> 4 === 4 ? [12, 4] : [8, 16]
  copy.set(packet.subarray(at, at + length), at + length)
  copy.set(packet.subarray(at + length, at + 2 * length), at)
  const transport = at + 2 * length
  const echo = at === 12 ? copy[9] === 1 && copy[transport] === 8 : copy[6] === 58 && copy[transport] === 128
  if (!echo) return copy
  copy[transport] = at === 12 ? 0 : 129
  // The type is the high byte of a word of the sum: the checksum changes by what the type did, the other way.
  const field = transport + 2
  const before = ((copy[field] ?? 0) << 8) | (copy[field + 1] ?? 0)
  const change = at === 12 ? 0x0800 : 0xffff - 0x0100
  const sum = checksumOf(checksumOf(before + change))
  copy[field] = sum >>> 8
  copy[field + 1] = sum & 0xff
  return copy
}

const isUdp = (packet: Uint8Array): boolean => packet[(packet[0] ?? 0) >>> 4 === 4 ? 9 : 6] === 17

/** Whether the transport checksum of a packet is right, computed from all its bytes. */
const isIntact = (packet: Uint8Array): boolean => {
  const ipv4 = (packet[0] ?? 0) >>> 4 === 4
  const [at, length, start, protocol] = ipv4 ? [12, 4, 20, packet[9] ?? 0] : [8, 16, 40, packet[6] ?? 0]
  if (protocol !== 6 && protocol !== 17) return true
  const pseudo = sumWords(packet, at, at + 2 * length, protocol + packet.length - start)
  return checksumOf(sumWords(packet, start, packet.length, pseudo)) === 0
}

const counter = (file: string, name: string): number => {
  const text = readFileSync(file, 'utf8')
  if (file.endsWith('snmp6')) return Number(new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN)
  const [protocol = '', field = ''] = name.split('.')
  const [names = '', values = ''] = text.split('\n').filter((line) => line.startsWith(`${protocol}:`))
  return Number(values.split(' ')[names.split(' ').indexOf(field)] ?? Number.NaN)
}

const transferTcp = async (here: string, there: string): Promise<boolean> => {
  const server = createServer((socket) => {
    const hash = createHash('sha256')
    socket.on('data', (chunk) => void hash.update(chunk))
    socket.on('end', () => socket.end(hash.digest('hex')))
  })
  server.listen(8080, here)
  await once(server, 'listening')
  const client: Socket = connect({ host: there, port: 8080, allowHalfOpen: true })
  const hash = createHash('sha256')
  const chunk = Buffer.alloc(1 << 16)
  for (let sent = 0; sent < BYTES; sent += chunk.length) {
    for (let at = 0; at < chunk.length; at += 4) chunk.writeUInt32LE((sent + at * 2_654_435_761) >>> 0, at)
    const copy = Buffer.from(chunk)
    hash.update(copy)
    if (!client.write(copy)) await once(client, 'drain')
  }
  client.end()
  const answer: Buffer[] = []
  client.on('data', (part) => answer.push(part))
  await once(client, 'end')
  server.close()
  return Buffer.concat(answer).toString() === hash.digest('hex')
}

const transferUdp = async (kind: 'udp4' | 'udp6', here: string, there: string): Promise<number> => {
  const receiver = createSocket(kind)
  receiver.bind(9090, here)
  await once(receiver, 'listening')
  // The kernel joins these packets when they are sent: they reach the device as one super-packet.
  const sender = await createDatagramSockets().open({
    family: kind === 'udp4' ? 'ipv4' : 'ipv6',
    port: 0,
    onBatch: () => undefined,
    onError: () => undefined,
  })
  let received = 0
  let wanted = { count: 0, reach: (): void => undefined }
  receiver.on('message', (bytes) => {
    if (bytes.length === 1000 && bytes.every((byte) => byte === bytes[0])) received++
    if (received >= wanted.count) wanted.reach()
  })
  // Each group surely fits into a socket's buffer.
  for (let group = 0; group < 10; group++) {
    await new Promise<void>((resolve, reject) => {
      const count = (group + 1) * 20
      const timer = setTimeout(() => reject(new Error(`${received} of ${count} datagrams`)), 30_000)
      const reach = (): void => {
        clearTimeout(timer)
        resolve()
      }
      wanted = { count, reach }
      sender.send(
        Array.from({ length: 20 }, (_, index) => ({
          to: endpoint(there, 9090),
          bytes: new Uint8Array(1000).fill(group * 20 + index),
        })),
      )
    })
  }
  await sender.close()
  receiver.close()
  return received
}

const main = async (): Promise<void> => {
  let broken = 0
  const device = await createTunDevices().open({
    name: 'tun-test',
    mtu: MTU,
    onBatch: (packets) => {
      seen.bursts++
      seen.packets += packets.length
      seen.largestBurst = Math.max(seen.largestBurst, packets.length)
      for (const packet of packets) {
        seen.largestPacket = Math.max(seen.largestPacket, packet.length)
        if (!isIntact(packet)) broken++
      }
      if (packets.length >= 20 && packets.every(isUdp)) {
        seen.udpBursts++
      }
      device.write(packets.map((packet) => swap(packet)))
    },
    onError: (error) => {
      throw error
    },
  })
  const network = createNetworkConfiguration()
  await network.setAddresses(
    'tun-test',
    NETWORKS.map(({ here }) => here),
  )
  await network.setRoutes('tun-test', ['192.0.2.0/24', '2001:db8::/64'])
  process.stdout.write(`${JSON.stringify({ ready: true })}\n`)
  if (process.argv[2] !== 'transfer') return
  const results: Record<string, unknown> = {}
  for (const { here, there, udp } of NETWORKS) {
    results[`tcp ${udp.slice(-1)}`] = await transferTcp(here, there)
    results[`udp ${udp.slice(-1)}`] = await transferUdp(udp, here, there)
  }
  results['broken'] = broken
  results['tcpChecksumErrors'] = counter('/proc/net/snmp', 'Tcp.InCsumErrors')
  results['tcpReceived'] = counter('/proc/net/snmp', 'Tcp.InSegs')
  results['udpChecksumErrors'] =
    counter('/proc/net/snmp', 'Udp.InCsumErrors') + counter('/proc/net/snmp6', 'Udp6InCsumErrors')
  results['seen'] = seen
  results['dropped'] = device.dropped?.()
  await network.clear()
  await device.close()
  process.stdout.write(`${JSON.stringify(results)}\n`)
}

await main()
