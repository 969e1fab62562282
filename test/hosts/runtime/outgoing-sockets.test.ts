import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { endpoint } from '../../../core/runtime/endpoint.ts'
import { createOutgoingSockets, type Destination } from '../../../hosts/runtime/index.ts'
import { makeCertificate } from '../../kit/certificate.ts'

const BYTES = Uint8Array.of(1, 2, 3)
const at = (address: unknown) => endpoint('127.0.0.1', (address as AddressInfo).port)

/** Collects what one socket reports to a plugin. */
/** Hears a socket: `first` are the bytes that came first, `end` is how it was closed. */
const ear = () => {
  let received: (bytes: Uint8Array) => void = () => undefined
  let closed: (error: Error | undefined) => void = () => undefined
  const first = new Promise<Uint8Array>((resolve) => (received = resolve))
  const end = new Promise<Error | undefined>((resolve) => (closed = resolve))
  return { first, end, received, closed }
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code

describe('sockets of plugins to servers', () => {
  it('send datagrams to one server and hear that one only', async () => {
    const [server, stranger] = [createSocket('udp4'), createSocket('udp4')]
    for (const socket of [server, stranger]) {
      socket.bind(0, '127.0.0.1')
      await once(socket, 'listening')
    }
    server.on('message', (bytes, { port }) => {
      stranger.send('forged', port, '127.0.0.1', () => server.send(bytes, port, '127.0.0.1'))
    })
    const heard = ear()
    const socket = createOutgoingSockets().openDatagrams({ server: at(server.address()), ...heard })
    await socket.send(BYTES)
    expect(await heard.first).to.deep.equal(BYTES)
    socket.close()
    expect(codeOf(await socket.send(BYTES).catch((error: unknown) => error))).to.equal('ERR_SOCKET_CLOSED')
    server.close()
    stranger.close()
  })

  it('carry a stream both ways, and say when the server ends it', async () => {
    const server = createServer((socket) =>
      socket.on('error', () => undefined).once('data', (bytes) => socket.end(bytes)),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const heard = ear()
    const socket = createOutgoingSockets().openStream({ server: at(server.address()), ...heard })
    await socket.send(BYTES)
    expect(await heard.first).to.deep.equal(BYTES)
    expect(await heard.end).to.equal(undefined)
    expect(codeOf(await socket.send(BYTES).catch((error: unknown) => error))).to.equal('ERR_SOCKET_CLOSED')
    server.close()
  })

  it('end with a code where nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const gone = at(server.address())
    server.close()
    await once(server, 'close')
    const heard = ear()
    createOutgoingSockets().openStream({ server: gone, ...heard })
    expect(codeOf(await heard.end)).to.equal('ECONNREFUSED')
  })

  it('speak TLS with a server that proves its name, and with no other', async () => {
    const { cert, key } = await makeCertificate(['dns.example.org'])
    const server = createTlsServer({ cert, key, ALPNProtocols: ['dot'] }, (socket) => {
      socket.on('error', () => undefined).once('data', () => socket.write(String(socket.alpnProtocol)))
    })
    server.on('tlsClientError', () => undefined)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const sockets = createOutgoingSockets({ ca: cert })
    const heard = ear()
    const tls = { serverName: 'dns.example.org', alpn: ['dot'] }
    const socket = sockets.openStream({ server: at(server.address()), tls, ...heard })
    await socket.send(BYTES)
    expect(Buffer.from(await heard.first).toString()).to.equal('dot')
    socket.close()
    const other = ear()
    sockets.openStream({ server: at(server.address()), tls: { serverName: 'other.example.org' }, ...other })
    expect(codeOf(await other.end)).to.equal('ERR_TLS_CERT_ALTNAME_INVALID')
    server.close()
  })

  it('a plugin’s sockets are marked as the host says, by destination and protocol', () => {
    const asked: Destination[] = []
    const sockets = createOutgoingSockets({
      markFor: (to) => {
        asked.push(to)
        return undefined
      },
    })
    sockets.openDatagrams({ server: endpoint('127.0.0.1', 53), ...ear() }).close()
    sockets.openStream({ server: endpoint('127.0.0.1', 853), ...ear() }).close()
    expect(asked).to.deep.equal([
      { address: '127.0.0.1', port: 53, protocol: 'udp' },
      { address: '127.0.0.1', port: 853, protocol: 'tcp' },
    ])
  })

  it('X2 a plugin’s sockets are closed where the plugin throws at what it hears, and the process lives', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined).write('hello'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const heard = ear()
    const received = () => {
      throw new Error('the plugin fails')
    }
    createOutgoingSockets().openStream({ server: at(server.address()), closed: heard.closed, received })
    expect(String(await heard.end)).to.equal('Error: the plugin fails')
    server.close()
  })
})
