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
class Ear {
  readonly first: Promise<Uint8Array>
  readonly end: Promise<Error | undefined>
  received: (bytes: Uint8Array) => void = () => undefined
  closed: (error: Error | undefined) => void = () => undefined

  constructor() {
    this.first = new Promise((resolve) => (this.received = resolve))
    this.end = new Promise((resolve) => (this.closed = resolve))
  }
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
    const ear = new Ear()
    const socket = createOutgoingSockets().openDatagrams({ server: at(server.address()), ...ear })
    await socket.send(BYTES)
    expect(await ear.first).to.deep.equal(BYTES)
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
    const ear = new Ear()
    const socket = createOutgoingSockets().openStream({ server: at(server.address()), ...ear })
    await socket.send(BYTES)
    expect(await ear.first).to.deep.equal(BYTES)
    expect(await ear.end).to.equal(undefined)
    expect(codeOf(await socket.send(BYTES).catch((error: unknown) => error))).to.equal('ERR_SOCKET_CLOSED')
    server.close()
  })

  it('end with a code where nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const gone = at(server.address())
    server.close()
    await once(server, 'close')
    const ear = new Ear()
    createOutgoingSockets().openStream({ server: gone, ...ear })
    expect(codeOf(await ear.end)).to.equal('ECONNREFUSED')
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
    const ear = new Ear()
    const tls = { serverName: 'dns.example.org', alpn: ['dot'] }
    const socket = sockets.openStream({ server: at(server.address()), tls, ...ear })
    await socket.send(BYTES)
    expect(Buffer.from(await ear.first).toString()).to.equal('dot')
    socket.close()
    const other = new Ear()
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
    sockets.openDatagrams({ server: endpoint('127.0.0.1', 53), ...new Ear() }).close()
    sockets.openStream({ server: endpoint('127.0.0.1', 853), ...new Ear() }).close()
    expect(asked).to.deep.equal([
      { address: '127.0.0.1', port: 53, protocol: 'udp' },
      { address: '127.0.0.1', port: 853, protocol: 'tcp' },
    ])
  })

  it('X2 a plugin’s sockets are closed where the plugin throws at what it hears, and the process lives', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined).write('hello'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const ear = new Ear()
    const received = () => {
      throw new Error('the plugin fails')
    }
    createOutgoingSockets().openStream({ server: at(server.address()), closed: ear.closed, received })
    expect(String(await ear.end)).to.equal('Error: the plugin fails')
    server.close()
  })
})
