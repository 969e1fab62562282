import { spawn, type ChildProcess } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { IncomingMessage } from 'node:http'
import { Socket as NetSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { expect } from 'chai'
import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import { WebSocket } from 'ws'
import { stampedRelayPassword } from '../../../core/crypto/relay-credentials.ts'
import { parsePrefix } from '../../../core/net/prefix.ts'
import { endpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import { SECOND } from '../../../core/runtime/time.ts'
import { RelayBridges } from '../../../hosts/peer/relay-bridges.ts'
import { RelayServer } from '../../../hosts/relay/relay-server.ts'
import { RelayWebSockets, type RelayWebSocketLimits } from '../../../hosts/relay/relay-web-sockets.ts'
import { WebSocketListener } from '../../../hosts/relay/web-socket-listener.ts'
import {
  createClock,
  createDatagramSockets,
  createNetworkInterfaces,
  createRandom,
} from '../../../hosts/runtime/index.ts'
import { WsWebSockets } from '../../../hosts/runtime/web-socket.ts'
import { makeAuthority, type Authority } from '../../kit/certificate.ts'
import { freePort } from '../../kit/free-port.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { skipBecause } from '../../kit/skip-because.ts'
import { credentialsOf, STAMP_SECRET } from '../../kit/turn-bench.ts'
import { echo } from '../../kit/turn-echo.ts'
import { TurnSocketClient } from '../../kit/turn-socket-client.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

const HELLO = new TextEncoder().encode('hello')
const LOOPBACK = ['127.0.0.0/8', '::1/128'].flatMap((text) => parsePrefix(text) ?? [])

/** Reverse proxies that Debian has. */
const FRONTS = [
  {
    name: 'nginx',
    program: 'nginx',
    config: (of: FrontConfig) => nginxConfig(of),
    args: (path: string) => ['-e', 'stderr', '-c', path],
  },
  {
    name: 'Caddy',
    program: 'caddy',
    config: (of: FrontConfig) => caddyConfig(of),
    args: (path: string) => ['run', '--adapter', 'caddyfile', '--config', path],
  },
] as const

describe('a relay that is reached by WebSockets', () => {
  const clock = new VirtualClock()
  const open: { close: () => unknown }[] = []
  let authority: Authority
  let folder: string
  let files: { certificate_file: string; key_file: string }
  let server: RelayServer
  let front: ChildProcess | undefined

  before(async () => {
    authority = await makeAuthority()
    folder = await mkdtemp(join(tmpdir(), 'portreeve-relay-'))
    const { cert, key } = await authority.issue(['localhost'])
    files = { certificate_file: join(folder, 'cert.pem'), key_file: join(folder, 'key.pem') }
    await writeFile(files.certificate_file, cert)
    await writeFile(files.key_file, key)
  })
  after(async () => {
    await rm(folder, { recursive: true })
  })
  beforeEach(() => {
    server = new RelayServer({
      listen: ['127.0.0.1'],
      port: 0,
      addresses: { ipv4: '127.0.0.1', ipv6: '::1' },
      relayedPorts: { first: 61_000, last: 65_535 },
      permittedPeers: LOOPBACK,
      passwordOf: (username) => stampedRelayPassword({ username, stampSecret: STAMP_SECRET }),
      clock: createClock(),
      random: createRandom(),
      logger: new RecordingLogger(),
      interfaces: createNetworkInterfaces(),
    })
    server.start()
  })
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close()
    front?.kill('SIGKILL')
    front = undefined
    server.stop()
  })

  /** Starts the listener; `limits` and time are those of its sockets. */
  const listen = async ({ isSecured, limits = {} }: { isSecured: boolean; limits?: Partial<RelayWebSocketLimits> }) => {
    const webSockets = new RelayWebSockets({ attach: (stream) => server.attachStream(stream), clock, limits })
    const listener = new WebSocketListener({
      host: '127.0.0.1',
      port: 0,
      certificate: isSecured ? files : undefined,
      webSockets,
      clock,
      logger: new RecordingLogger(),
    })
    await listener.start()
    open.push({ close: () => listener.stop() })
    return { webSockets, port: listener.port ?? 0 }
  }

  /** Returns a TURN client that sends UDP to a bridge, which leads to the WebSocket of a URL. */
  const clientAt = async (url: string): Promise<TurnSocketClient> => {
    let own = 0
    let opened: (local: Endpoint) => void = () => undefined
    let failed: (error: Error) => void = () => undefined
    const local = new Promise<Endpoint>((resolve, reject) => {
      opened = resolve
      failed = reject
    })
    const bridges = new RelayBridges({
      webSockets: new WsWebSockets({ only: authority.cert }),
      sockets: createDatagramSockets(),
      userAgent: 'test/1',
      portOf: () => own,
      tell: (input) => (input.type === 'socketOpened' ? opened(input.endpoint) : failed(new Error('closed'))),
    })
    open.push({ close: () => bridges.closeAll() })
    bridges.open({ url, family: 'ipv4' })
    const client = await TurnSocketClient.open(await local, credentialsOf('ada'), 'rfc')
    own = client.socket.address().port
    open.push(client)
    return client
  }

  const peerOf = async (): Promise<{ socket: Socket; at: Endpoint }> => {
    const socket = createSocket('udp4')
    open.push({ close: () => socket.close() })
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return { socket, at: endpoint('127.0.0.1', socket.address().port) }
  }

  it('H9 datagrams of a client and its peer pass over TLS, and an ended WebSocket ends the allocation', async () => {
    const { webSockets, port } = await listen({ isSecured: true })
    await echo(await clientAt(`wss://localhost:${port}/relay/connect`), await peerOf())
    expect({ sockets: webSockets.size, allocations: server.numbers.allocations }).to.deep.equal({
      sockets: 1,
      allocations: 1,
    })
    // It was no stranger any more when its time was over.
    clock.advance(11 * SECOND)
    expect(webSockets.size).to.equal(1)
    webSockets.closeAll()
    await until(() => server.numbers.allocations === 0)
  })

  for (const { name, program, config, args } of FRONTS) {
    it(`H9 the datagrams pass ${name}, which does TLS`, async function () {
      const { port } = await listen({ isSecured: false })
      const frontPort = await freePort('127.0.0.1')
      const path = join(folder, `${program}.conf`)
      await writeFile(path, config({ front: frontPort, port, folder, files }))
      front = spawn(program, args(path), {
        env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin`, HOME: folder, XDG_DATA_HOME: folder },
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      front.stderr?.resume()
      const failure = new Promise<'failed'>((resolve) => front?.once('error', () => resolve('failed')))
      const ready = untilListening(frontPort).then(() => 'ready' as const)
      if ((await Promise.race([failure, ready])) === 'failed') return skipBecause(this, `needs ${program}`)
      await echo(await clientAt(`wss://localhost:${frontPort}/relay/connect`), await peerOf())
    })
  }

  it('P9 H10 a WebSocket without credentials is closed after seconds, and one with words at once', async () => {
    const { webSockets, port } = await listen({ isSecured: false })
    const stranger = new WebSocket(`ws://127.0.0.1:${port}/relay/connect`)
    await once(stranger, 'open')
    stranger.send(Buffer.from('what is this?'))
    const talker = new WebSocket(`ws://127.0.0.1:${port}/relay/connect`)
    await once(talker, 'open')
    talker.send('hello')
    const [code] = (await once(talker, 'close')) as [number]
    expect(code).to.equal(1003)
    const closed = once(stranger, 'close')
    clock.advance(11 * SECOND)
    await closed
    await until(() => webSockets.size === 0)
  })

  it('P9 H10 a WebSocket whose allocation has ended is closed after seconds, and one that asks for none after messages', async () => {
    const { webSockets, port } = await listen({ isSecured: false })
    const client = await clientAt(`ws://127.0.0.1:${port}/relay/connect`)
    await client.allocate()
    expect((await client.end()).code).to.equal(undefined)
    clock.advance(11 * SECOND)
    await until(() => webSockets.size === 0)
    const stranger = new WebSocket(`ws://127.0.0.1:${port}/relay/connect`)
    stranger.on('error', () => undefined)
    await once(stranger, 'open')
    for (let count = 0; count < 65; count++) stranger.send(HELLO)
    await once(stranger, 'close')
  })

  it('H10 strangers of one IPv6 network of 64 bits are bounded together, and those of another apart', () => {
    const sources = ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1', '192.0.2.1']
    const webSockets = new RelayWebSockets({
      attach: () => ({ received: () => undefined, drained: () => undefined, ended: () => undefined }),
      clock: new VirtualClock(),
      sourceOf: () => sources.shift() ?? '',
      limits: { strangersPerSource: 1 },
    })
    const answers = Array.from({ length: 4 }, () => {
      const answer: string[] = []
      const write = (chunk: Buffer, _: string, done: () => void) => (answer.push(chunk.toString('latin1')), done())
      webSockets.upgrade(upgradeRequest(), new Duplex({ read: () => undefined, write }), Buffer.alloc(0))
      return answer.join('').slice(9, 12)
    })
    expect(answers).to.deep.equal(['101', '503', '101', '101'])
    webSockets.closeAll()
  })

  it('P12 a flood of one WebSocket leaves turns to whatever else the process serves', async () => {
    const count = { received: 0 }
    const webSockets = new RelayWebSockets({
      attach: ({ allocationChanged }) => ({
        // The client gets an allocation by its first message.
        received: ({ length }) => {
          if (count.received === 0) allocationChanged?.(true)
          count.received += length
        },
        drained: () => undefined,
        ended: () => undefined,
      }),
      clock: new VirtualClock(),
    })
    const frames = Buffer.concat(Array.from({ length: 4_000 }, () => FRAME))
    let chunks = 0
    const flood = new Duplex({
      // There is always more at once, as from a full socket buffer.
      read() {
        this.push(++chunks > 20 ? null : frames)
      },
      write: (_, _encoding, done) => done(),
    })
    webSockets.upgrade(upgradeRequest(), flood, Buffer.alloc(0))
    let most = 0
    for (let before = 0; count.received < 80_000; before = count.received) {
      await new Promise((resolve) => setImmediate(resolve))
      most = Math.max(most, count.received - before)
    }
    expect(count.received).to.equal(80_000)
    expect(most).to.be.at.most(12_000)
  })

  it('H10 no page in a browser gets in, and strangers are bounded in number', async () => {
    const { webSockets, port } = await listen({ isSecured: false, limits: { strangersPerSource: 2 } })
    const statusOf = async (socket: WebSocket): Promise<number> => {
      const open101 = once(socket, 'open').then(() => 101)
      const refused = once(socket, 'unexpected-response').then(
        ([, response]) => (response as { statusCode: number }).statusCode,
      )
      socket.on('error', () => undefined)
      return Promise.race([open101, refused])
    }
    const url = `ws://127.0.0.1:${port}/relay/connect`
    expect(await statusOf(new WebSocket(url, { origin: 'https://evil.example' }))).to.equal(403)
    expect(await statusOf(new WebSocket(url))).to.equal(101)
    expect(await statusOf(new WebSocket(url))).to.equal(101)
    expect(await statusOf(new WebSocket(url))).to.equal(503)
    expect(webSockets.refused).to.equal(2)
  })
})

/** Frame of a WebSocket's client: a binary message of five bytes, masked by zeros. */
const FRAME = Buffer.from([0x82, 0x85, 0, 0, 0, 0, ...HELLO])

/** Returns a request for an upgrade, as an HTTP server reads it. */
const upgradeRequest = (): IncomingMessage => {
  const request = new IncomingMessage(new NetSocket())
  request.method = 'GET'
  request.headers = {
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.alloc(16).toString('base64'),
  }
  return request
}

/** Waits until something holds. */
const until = async (holds: () => boolean): Promise<void> => {
  const end = Date.now() + PATIENCE_MS
  while (!holds()) {
    if (Date.now() > end) throw new Error('it does not come to hold')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const untilListening = async (port: number): Promise<void> => {
  const { connect } = await import('node:net')
  const end = Date.now() + PATIENCE_MS
  while (Date.now() < end) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('the reverse proxy does not listen')
}

interface FrontConfig {
  /** Port of the reverse proxy, and of the relay. */
  front: number
  port: number
  folder: string
  files: { certificate_file: string; key_file: string }
}

const nginxConfig = ({ front, port, folder, files }: FrontConfig): string => `
daemon off; master_process off;
pid ${folder}/nginx.pid;
worker_processes 1;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${front} ssl;
    ssl_certificate ${files.certificate_file};
    ssl_certificate_key ${files.key_file};
    location /relay/connect {
      proxy_pass http://127.0.0.1:${port};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
    }
  }
}
`

const caddyConfig = ({ front, port, files }: FrontConfig): string => `
{
  admin off
  auto_https off
}
https://localhost:${front} {
  bind 127.0.0.1
  tls ${files.certificate_file} ${files.key_file}
  reverse_proxy 127.0.0.1:${port}
}
`
