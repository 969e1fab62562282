import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import { WebSocketServer } from 'ws'
import { problemOfFailure } from '../../../core/control/portal-problem.ts'
import type { WebSocketFailure } from '../../../core/runtime/web-socket.ts'
import { createHttpClient, permitInternetAnd } from '../../../hosts/runtime/index.ts'
import { WsWebSockets } from '../../../hosts/runtime/web-socket.ts'
import { makeAuthority, type Authority } from '../../kit/certificate.ts'
import { ConnectProxy } from '../../kit/connect-proxy.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

const NAME = 'portal.example.org'
const VARIABLES = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'https_proxy', 'http_proxy', 'no_proxy'] as const

/** No name here is resolved and no address reached but the proxy's. */
describe('a network that is left by a proxy only', () => {
  const kept = VARIABLES.map((name) => [name, process.env[name]] as const)
  let authority: Authority
  let secure: Server
  let plain: Server
  let toSecure: ConnectProxy
  let toPlain: ConnectProxy

  const listen = async (server: Server): Promise<number> => {
    const webSockets = new WebSocketServer({ server })
    webSockets.on('connection', (socket) => socket.send('hello'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }

  before(async () => {
    authority = await makeAuthority()
    secure = createServer(await authority.issue([NAME]), (_, response) => response.end('page'))
    plain = createHttpServer((_, response) => response.end('page'))
    toSecure = await ConnectProxy.start({ targetPort: await listen(secure) })
    toPlain = await ConnectProxy.start({ targetPort: await listen(plain) })
  })
  after(async () => {
    await toSecure?.stop()
    await toPlain?.stop()
    for (const server of [secure, plain]) {
      server?.closeAllConnections()
      server?.close()
    }
  })
  beforeEach(() => {
    for (const name of VARIABLES) delete process.env[name]
    process.env['HTTPS_PROXY'] = `http://ada:secret@127.0.0.1:${toSecure.port}`
    process.env['http_proxy'] = `http://127.0.0.1:${toPlain.port}`
    for (const proxy of [toSecure, toPlain]) {
      proxy.asked.length = 0
      proxy.refusal = undefined
    }
  })
  afterEach(() => {
    for (const [name, value] of kept) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })

  const firstWord = (url: string): Promise<string | WebSocketFailure> =>
    new Promise((resolve) => {
      const connection = new WsWebSockets({ only: authority.cert }).connect(
        { url, headers: {}, maxBytes: 1_000 },
        {
          opened: () => undefined,
          refused: ({ status }) => resolve(String(status)),
          received: (text) => {
            resolve(text)
            connection.close()
          },
          closed: resolve,
        },
      )
    })
  const page = async (url: string, options: Parameters<typeof createHttpClient>[0] = {}, addresses?: string[]) => {
    const request = { method: 'GET', url, headers: {}, timeoutMs: PATIENCE_MS, maxBytes: 1_000 }
    const http = createHttpClient({ ca: authority.cert, ...options })
    return http.send({ ...request, ...(addresses && { addresses }) }).then(
      ({ body }) => Buffer.from(body).toString(),
      (error: Error & { code?: string }) => error.code ?? error.message,
    )
  }

  it('a WebSocket goes by the proxy, which is asked for the name, with TLS to the portal itself', async () => {
    expect(await firstWord(`wss://${NAME}/`)).to.equal('hello')
    const authorization = `Basic ${Buffer.from('ada:secret').toString('base64')}`
    expect(toSecure.asked).to.deep.equal([{ authority: `${NAME}:443`, authorization }])
    expect(await firstWord(`ws://${NAME}:8080/`)).to.equal('hello')
    expect(toPlain.asked).to.deep.equal([{ authority: `${NAME}:8080`, authorization: undefined }])
  })

  it('a proxy that refuses says so, with what to do, and without its credentials', async () => {
    const problem = async () => {
      const failed = await firstWord(`wss://${NAME}/`)
      if (typeof failed === 'string') throw new Error(failed)
      return problemOfFailure(failed, { url: `wss://${NAME}/` })
    }
    toSecure.refusal = '403 Forbidden'
    const refused = await problem()
    expect(refused).to.include({ step: 'outgoing_proxy', code: 'outgoing_proxy_refused' })
    expect(refused.said).to.equal(
      `the proxy http://127.0.0.1:${toSecure.port} answers 403 Forbidden to CONNECT ${NAME}:443`,
    )
    expect(refused.remedy).to.contain('CONNECT').and.to.contain('NO_PROXY')
    toSecure.refusal = '407 Proxy Authentication Required'
    expect(await problem()).to.include({ step: 'outgoing_proxy', code: 'outgoing_proxy_authentication' })
    process.env['HTTPS_PROXY'] = 'http://ada:secret@127.0.0.1:1'
    const unreachable = await problem()
    expect(unreachable).to.include({ step: 'outgoing_proxy', code: 'outgoing_proxy_unreachable' })
    expect(JSON.stringify(unreachable)).to.not.contain('secret')
  })

  it('requests go by the proxy, and a name in NO_PROXY does not', async () => {
    expect(await page(`https://${NAME}/`)).to.equal('page')
    expect(await page(`http://${NAME}/`)).to.equal('page')
    expect([...toSecure.asked, ...toPlain.asked].map(({ authority: asked }) => asked)).to.deep.equal([
      `${NAME}:443`,
      `${NAME}:80`,
    ])
    process.env['no_proxy'] = 'invalid'
    expect(await page(`https://portal.invalid/`)).to.be.oneOf(['ENOTFOUND', 'EAI_AGAIN'])
    expect(toSecure.asked).to.have.length(1)
  })

  it('requests to given addresses go there by the proxy, unless a tunnel of this machine leads there', async () => {
    expect(await page(`https://${NAME}/`, {}, ['192.0.2.9'])).to.equal('page')
    expect(toSecure.asked[0]?.authority).to.equal('192.0.2.9:443')
    const port = (secure.address() as AddressInfo).port
    expect(await page(`https://${NAME}:${port}/`, { markFor: () => undefined }, ['127.0.0.1'])).to.equal('page')
    expect(toSecure.asked).to.have.length(1)
  })

  it('a proxy is no way around the addresses that a portal may ask: it is asked for a permitted address', async () => {
    const permits = permitInternetAnd([])
    for (const host of ['10.0.0.1', '169.254.169.254', '[fd00::1]', '[::ffff:10.0.0.1]']) {
      expect(await page(`http://${host}/`, { permits }), host).to.equal('EACCES')
      expect(await page(`https://${NAME}/`, { permits }, [host.replace(/[[\]]/g, '')]), host).to.equal('EACCES')
    }
    // The name is looked up here, and not by the proxy.
    expect(await page('https://portal.invalid/', { permits })).to.be.oneOf(['ENOTFOUND', 'EAI_AGAIN'])
    expect([...toSecure.asked, ...toPlain.asked]).to.deep.equal([])
    expect(await page('http://8.8.8.8/', { permits })).to.equal('page')
    expect(toPlain.asked[0]?.authority).to.equal('8.8.8.8:80')
    const byName = { permits, proxyResolvesNames: true }
    expect(await page(`https://${NAME}/`, byName)).to.equal('page')
    expect(await page('http://10.0.0.1/', byName)).to.equal('EACCES')
  })
})
