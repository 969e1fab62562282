import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { WebSocketServer } from 'ws'
import { Secret } from '../../../core/runtime/secret.ts'
import { PortalConnection } from '../../../hosts/peer/portal-connection.ts'
import type { LinkInput } from '../../../core/control/portal-link.ts'
import type { PortalProblem } from '../../../core/control/portal-problem.ts'
import { createClock } from '../../../hosts/runtime/index.ts'
import type { TrustOptions } from '../../../hosts/runtime/trusted-certificates.ts'
import { WsWebSockets } from '../../../hosts/runtime/web-socket.ts'
import { makeAuthority, makeCertificate, type Certificate } from '../../kit/certificate.ts'

const KEYS = { privateKey: new Uint8Array(32).fill(1), publicKey: new Uint8Array(32).fill(2) }
const OURS = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'] as const

/** Trust in no system certificates at all. */
const NO_SYSTEM: TrustOptions = { systemFiles: [] }

describe('a portal that is not reached', () => {
  const kept = OURS.map((name) => [name, process.env[name]] as const)
  const closing: (() => void)[] = []
  const sockets = new Set<Socket>()
  let folder: string

  beforeEach(async () => {
    for (const name of OURS) delete process.env[name]
    folder = await mkdtemp(join(tmpdir(), 'portreeve-problem-'))
  })
  afterEach(async () => {
    for (const [name, value] of kept) if (value !== undefined) process.env[name] = value
    for (const close of closing.splice(0)) close()
    for (const socket of sockets) socket.destroy()
    await rm(folder, { recursive: true })
  })

  const attempt = async (portalUrl: string, trust = NO_SYSTEM): Promise<LinkInput<'client'>> => {
    let tell: (input: LinkInput<'client'>) => void = () => undefined
    const told = new Promise<LinkInput<'client'>>((resolve) => (tell = resolve))
    const connection = new PortalConnection({
      role: 'client',
      portalUrl,
      identity: {
        id: 'id',
        name: 'laptop',
        keys: KEYS,
        transport: 'memory',
        token: new Secret('t0ken'),
        userAgent: 'a/1',
        process: 'a'.repeat(22),
      },
      ports: { webSockets: new WsWebSockets(trust), clock: createClock() },
      tell,
    })
    connection.open()
    closing.push(() => connection.close())
    return told
  }

  const problemAt = async (portalUrl: string, trust?: TrustOptions): Promise<PortalProblem | undefined> => {
    const told = await attempt(portalUrl, trust)
    return 'problem' in told ? told.problem : undefined
  }

  const serve = async (server: Server | ReturnType<typeof createTcpServer>, host = '127.0.0.1'): Promise<number> => {
    server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)))
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    closing.push(() => void server.close())
    return (server.address() as AddressInfo).port
  }

  const answering = async (
    status: string,
    headers: readonly string[],
    body = '',
  ): Promise<PortalProblem | undefined> => {
    const head = [`HTTP/1.1 ${status}`, `Content-Length: ${Buffer.byteLength(body)}`, ...headers]
    const server = createHttpServer().on('upgrade', (_, socket) => socket.write(`${head.join('\r\n')}\r\n\r\n${body}`))
    return problemAt(`http://127.0.0.1:${await serve(server)}/`)
  }

  const portalWith = async ({ key, cert }: Certificate, host?: string): Promise<number> => {
    const server = createTlsServer({ key, cert })
    const accepting = new WebSocketServer({ server })
    closing.push(() => accepting.close())
    return serve(server, host)
  }

  it('a portal problem names the URL without its query, the step, and the system’s error', async () => {
    const free = await serve(createTcpServer())
    closing.splice(0).forEach((close) => close())
    const problem = await problemAt(`http://127.0.0.1:${free}/base/`)
    expect(problem).to.include({
      url: `ws://127.0.0.1:${free}/base/client/v2/websocket`,
      step: 'connect',
      code: 'connection_refused',
    })
    expect(problem?.said).to.include('ECONNREFUSED')
    expect(problem?.remedy).to.match(/portal_url/)
  })

  it('a portal problem tells a name that is not there from a port that is shut, in both families', async () => {
    const named = await problemAt('http://portal.invalid:8080')
    expect(named?.step).to.equal('name')
    expect(named?.code).to.be.oneOf(['name_unknown', 'name_server_silent'])
    const six = await problemAt('http://[::1]:9')
    expect(six).to.include({ step: 'connect' })
    expect(six?.code).to.be.oneOf(['connection_refused', 'network_unreachable', 'connect_failed'])
  })

  it('a portal problem names what stands before a portal and is none', async () => {
    const html = ['Content-Type: text/html']
    for (const [status, headers, body, code] of [
      ['301 Moved Permanently', ['Location: https://portal.example.org/x?token=s3cret'], '', 'redirected'],
      ['302 Found', ['Location: /login'], '', 'redirected'],
      ['307 Temporary Redirect', ['Location: https://portal.example.org/'], '', 'redirected'],
      ['308 Permanent Redirect', ['Location: https://portal.example.org/'], '', 'redirected'],
      ['200 OK', html, '<h1>Welcome to the hotel</h1>', 'page'],
      ['401 Unauthorized', ['WWW-Authenticate: Basic realm="x"'], '', 'proxy_sign_in'],
      ['407 Proxy Authentication Required', html, '<h1>Who?</h1>', 'proxy_sign_in'],
      ['403 Forbidden', html, '', 'forbidden'],
      ['404 Not Found', html, '', 'not_found'],
      ['400 Bad Request', html, '', 'status_400'],
      ['502 Bad Gateway', html, '', 'portal_behind_proxy'],
      ['503 Service Unavailable', html, '', 'portal_behind_proxy'],
      ['504 Gateway Timeout', html, '', 'portal_behind_proxy'],
      [
        '426 Upgrade Required',
        ['Content-Type: application/problem+json'],
        '{"code":"upgrade_required"}',
        'upgrade_stripped',
      ],
    ] as const) {
      const problem = await answering(status, headers, body)
      expect(problem, status).to.include({ step: 'proxy', code })
      expect(JSON.stringify(problem), status).not.to.include('s3cret')
      expect(problem?.remedy, status).not.to.equal('')
    }
    expect((await answering('301 Moved', ['Location: https://portal.example.org/']))?.said).to.include(
      'https://portal.example.org/',
    )
  })

  it('a portal problem shows no control characters of what answers', async () => {
    const body = JSON.stringify({ code: 'invalid_connect_params', detail: 'a\u001b[31m\nb\u202ec' })
    const problem = await answering('400 Bad Request', ['Content-Type: application/problem+json'], body)
    expect(problem).to.include({ step: 'upgrade', code: 'invalid_connect_params', said: 'a [31m b c' })
  })

  it('a portal problem names a server that hangs up, and one that speaks no TLS', async () => {
    const rude = await serve(createTcpServer((socket) => socket.once('data', () => socket.destroy())))
    expect(await problemAt(`http://127.0.0.1:${rude}`)).to.include({ step: 'proxy', code: 'hung_up' })
    const plain = await serve(createHttpServer())
    expect(await problemAt(`https://127.0.0.1:${plain}`)).to.include({ step: 'tls', code: 'no_tls' })
  })

  it('a portal problem leaves no connection open behind a proxy that keeps connections alive', async () => {
    for (const status of ['401 Unauthorized', '404 Not Found', '502 Bad Gateway']) {
      const body = '{"code":"invalid_token"}'
      const closed = new Promise<void>((resolve) => {
        const head = `HTTP/1.1 ${status}\r\nConnection: keep-alive\r\nContent-Length: ${body.length}\r\n\r\n${body}`
        const server = createTcpServer((socket) => {
          socket.on('error', () => undefined).on('close', () => resolve())
          socket.once('data', () => socket.write(head))
        })
        void serve(server).then((port) => attempt(`http://127.0.0.1:${port}`))
      })
      await closed
    }
  })

  describe('a portal that is not reached for its certificate', () => {
    it('a portal’s certificate is reported as expired, for a wrong name, self-signed, or of an unknown authority', async () => {
      const own = await makeCertificate(['127.0.0.1'])
      const authority = await makeAuthority()
      const caFile = join(folder, 'ca.pem')
      await writeFile(caFile, authority.cert)
      const good = await authority.issue(['127.0.0.1'])
      expect(await problemAt(`https://127.0.0.1:${await portalWith(own)}`)).to.include({
        step: 'tls',
        code: 'certificate_self_signed',
      })
      expect(await problemAt(`https://127.0.0.1:${await portalWith(good)}`)).to.include({
        step: 'tls',
        code: 'certificate_untrusted',
      })
      const other = await authority.issue(['portal.example.org'])
      expect(await problemAt(`https://127.0.0.1:${await portalWith(other)}`, { ...NO_SYSTEM, caFile })).to.include({
        step: 'tls',
        code: 'certificate_wrong_name',
      })
      const old = await expired(folder)
      await writeFile(caFile, old.cert)
      expect(await problemAt(`https://127.0.0.1:${await portalWith(old)}`, { ...NO_SYSTEM, caFile })).to.include({
        step: 'tls',
        code: 'certificate_expired',
      })
    })

    it('a portal’s certificate is trusted by ca_file, by the system’s store, and by NODE_EXTRA_CA_CERTS beside them', async () => {
      const authority = await makeAuthority()
      const another = await makeAuthority()
      const file = join(folder, 'store.pem')
      const anotherFile = join(folder, 'other.pem')
      await writeFile(file, authority.cert)
      await writeFile(anotherFile, another.cert)
      const url = `https://127.0.0.1:${await portalWith(await authority.issue(['127.0.0.1']))}`
      const six = `https://[::1]:${await portalWith(await authority.issue(['::1']), '::1')}`
      for (const trust of [
        { systemFiles: [], caFile: file },
        { systemFiles: [join(folder, 'none.pem'), file] },
        { systemFiles: [anotherFile], caFile: file },
        { systemFiles: [file], caFile: anotherFile },
      ]) {
        for (const at of [url, six]) expect(await attempt(at, trust)).to.deep.equal({ type: 'connectionOpened' })
      }
      process.env['NODE_EXTRA_CA_CERTS'] = file
      // Newer Node.js releases read the variable at their start.
      if (!('getCACertificates' in (await import('node:tls')))) {
        expect(await attempt(url, { systemFiles: [anotherFile] })).to.deep.equal({ type: 'connectionOpened' })
      }
    })

    it('a portal’s certificate is trusted as soon as the store is another one, without a new start', async () => {
      const authority = await makeAuthority()
      const file = join(folder, 'store.pem')
      const port = await portalWith(await authority.issue(['127.0.0.1']))
      const webSockets = new WsWebSockets({ systemFiles: [file] })
      const told = (): Promise<string> =>
        new Promise((resolve) => {
          const request = { url: `wss://127.0.0.1:${port}/`, headers: {}, maxBytes: 10 }
          const opened = webSockets.connect(request, {
            opened: () => resolve('opened'),
            received: () => undefined,
            refused: () => resolve('refused'),
            closed: ({ code }) => resolve(code ?? ''),
          })
          closing.push(() => opened.close())
        })
      expect(await told()).to.equal('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
      await writeFile(file, authority.cert)
      expect(await told()).to.equal('opened')
    })

    it('a portal problem names a ca_file that has become unreadable or is no certificate', async () => {
      const port = await portalWith(await makeCertificate(['127.0.0.1']))
      const caFile = join(folder, 'ca.pem')
      const trust = { ...NO_SYSTEM, caFile }
      expect(await problemAt(`https://127.0.0.1:${port}`, trust)).to.include({ step: 'tls', code: 'ca_file' })
      await writeFile(caFile, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
      expect(await problemAt(`https://127.0.0.1:${port}`, trust)).to.include({ step: 'tls', code: 'ca_file' })
    })
  })
})

/** Makes a certificate that was valid for a day in 2020. */
const expired = async (folder: string): Promise<Certificate> => {
  const at = (name: string): string => join(folder, name)
  const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' })
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    at('k.pem'),
    '-subj',
    '/CN=old',
    '-out',
    at('r.pem'),
  )
  await writeFile(at('index.txt'), '')
  await writeFile(at('serial'), '01\n')
  await writeFile(
    at('ca.cnf'),
    `[ca]\ndefault_ca=d\n[d]\ndatabase=${at('index.txt')}\nserial=${at('serial')}\nnew_certs_dir=${folder}\ndefault_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=IP:127.0.0.1\n`,
  )
  openssl(
    'ca',
    '-batch',
    '-selfsign',
    '-config',
    at('ca.cnf'),
    '-keyfile',
    at('k.pem'),
    '-in',
    at('r.pem'),
    '-startdate',
    '20200101000000Z',
    '-enddate',
    '20200102000000Z',
    '-notext',
    '-out',
    at('c.pem'),
  )
  return { key: openssl('pkey', '-in', at('k.pem')), cert: openssl('x509', '-in', at('c.pem')) }
}
