// A server of the bed, a process of its own: pages over HTTP, echoes over UDP. It says on standard output what it saw.
//
//   GET /?bytes=N   N bytes; else what it saw, in JSON
//   POST /          how much it read, and its SHA-256, in JSON
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:http'
import { readInput } from '../../../hosts/lab/program/stdin.ts'

interface Input {
  name: string
  tcpPorts: number[]
  udpPorts: number[]
}

/** The server's account of a request, in its page. */
export interface Seen {
  server: string
  host: string
  /** Addresses and ports of both ends as the server saw them. */
  to: string
  from: string
  bytes: number
  sha256: string
}

const plain = (address = ''): string => address.replace(/^::ffff:/, '')

const { name, tcpPorts, udpPorts } = await readInput<Input>()
for (const port of tcpPorts) {
  const server = createServer((request, response) => {
    const { socket, headers, url = '/' } = request
    const from = `${plain(socket.remoteAddress)} ${socket.remotePort ?? 0}`
    process.stdout.write(`tcp ${port} from ${from} ${request.method ?? ''} ${url}\n`)
    const wanted = Number(new URL(url, 'http://site').searchParams.get('bytes') ?? 0)
    const hash = createHash('sha256')
    let bytes = 0
    request.on('data', (part: Buffer) => {
      bytes += part.length
      hash.update(part)
    })
    request.on('end', () => {
      if (wanted > 0) return response.end(Buffer.alloc(wanted, 'portreeve '))
      const seen: Seen = {
        server: name,
        host: headers.host ?? '',
        to: `${plain(socket.localAddress)} ${port}`,
        from,
        bytes,
        sha256: hash.digest('hex'),
      }
      return response.setHeader('content-type', 'application/json').end(`${JSON.stringify(seen)}\n`)
    })
  })
  // A connection that the client leaves open is closed after a second.
  server.keepAliveTimeout = 1_000
  await new Promise<void>((resolve) => server.listen(port, '::', resolve))
}
for (const port of udpPorts) {
  for (const type of ['udp4', 'udp6'] as const) {
    const socket = createSocket({ type, ipv6Only: type === 'udp6' })
    socket.on('message', (message, { address, port: fromPort }) => {
      process.stdout.write(`udp ${port} from ${address} ${fromPort}: ${message.toString('latin1').slice(0, 60)}\n`)
      socket.send(message, fromPort, address)
    })
    await new Promise<void>((resolve) => socket.bind(port, () => resolve()))
  }
}
process.stdout.write('ready\n')
