// Scans a machine from outside: connects to each TCP port, and sends UDP ports messages that a WireGuard peer or a STUN
// server would answer if it answered strangers.
import { randomBytes } from 'node:crypto'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { readInput } from './stdin.ts'

interface Input {
  address: string
  firstPort: number
  /** Last port, inclusive. */
  lastPort: number
  /** UDP ports that are sent every probe, several times; all others get one STUN request. */
  udpPorts: number[]
}

export interface ScanResult {
  tcpPorts: number
  tcpOpen: number[]
  udpProbes: number
  /** UDP answers, as `52625: 92 bytes`. */
  udpAnswers: string[]
}

const AT_ONCE = 400
const TCP_TIMEOUT_MS = 1_000
/** Time to wait for answers after the last probe. */
const LISTEN_MS = 500
const { address, firstPort, lastPort, udpPorts } = await readInput<Input>()
const result: ScanResult = { tcpPorts: lastPort - firstPort + 1, tcpOpen: [], udpProbes: 0, udpAnswers: [] }

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: TCP_TIMEOUT_MS })
    const end = (open: boolean) => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => end(true))
    socket.once('timeout', () => end(false))
    socket.once('error', () => end(false))
  })

const scanTcp = async (): Promise<void> => {
  let port = firstPort
  const worker = async (): Promise<void> => {
    for (let mine = port++; mine <= lastPort; mine = port++) if (await isOpen(mine)) result.tcpOpen.push(mine)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** Returns a STUN binding request, with a username if given. RFC 8489 */
const stunRequest = (username?: string): Buffer => {
  const attribute = username === undefined ? Buffer.alloc(0) : stunAttribute(0x0006, Buffer.from(username))
  const header = Buffer.alloc(20)
  header.writeUInt16BE(0x0001, 0)
  header.writeUInt16BE(attribute.length, 2)
  header.writeUInt32BE(0x2112a442, 4)
  randomBytes(12).copy(header, 8)
  return Buffer.concat([header, attribute])
}

const stunAttribute = (type: number, value: Buffer): Buffer => {
  const header = Buffer.alloc(4)
  header.writeUInt16BE(type, 0)
  header.writeUInt16BE(value.length, 2)
  return Buffer.concat([header, value, Buffer.alloc((4 - (value.length % 4)) % 4)])
}

/** Returns a WireGuard message with valid type and length and random content. WireGuard §5.4.2, §5.4.6 */
const wireguard = (type: number, length: number): Buffer => {
  const message = randomBytes(length)
  message.writeUInt32LE(type, 0)
  return message
}

const probes = (): Buffer[] => [
  stunRequest(),
  stunRequest('abcd:efgh'),
  wireguard(1, 148),
  wireguard(2, 92),
  wireguard(4, 96),
  randomBytes(64),
]

const send = (socket: UdpSocket, probe: Buffer, port: number): Promise<void> =>
  new Promise((resolve) => {
    result.udpProbes += 1
    // A send error is the kernel's ICMP answer for a closed port, not an answer of a service.
    socket.send(probe, port, address, () => resolve())
  })

const scanUdp = async (): Promise<void> => {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (message, { port }) => result.udpAnswers.push(`${port}: ${message.length} bytes`))
  socket.on('error', () => undefined)
  for (let round = 0; round < 3; round++) {
    for (const port of udpPorts) for (const probe of probes()) await send(socket, probe, port)
  }
  for (let port = firstPort; port <= lastPort; port += AT_ONCE) {
    const ports = Array.from({ length: Math.min(AT_ONCE, lastPort - port + 1) }, (_, index) => port + index)
    await Promise.all(ports.map((each) => send(socket, stunRequest(), each)))
  }
  await pause(LISTEN_MS)
  socket.close()
}

await scanUdp()
await scanTcp()
process.stdout.write(`${JSON.stringify(result)}\n`)
