import { expect } from 'chai'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { after, afterEach, before, describe, it } from 'mocha'
import { LoopbackServer } from '../../kit/loopback-server.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'

/** An account's admin can make the portal send requests, by naming an issuer. */
describe('requests of the portal to identity providers', function () {
  this.timeout(300_000)
  const servers: LoopbackServer[] = []
  let made = 0
  let strict: PortalFixture
  let open: PortalFixture

  before(async () => {
    strict = await PortalFixture.start({ config: { private_networks: [] } })
    open = await PortalFixture.start()
  })
  after(async () => {
    await strict?.stop()
    await open?.stop()
  })
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop()
  })

  const serve = async (...listener: Parameters<typeof LoopbackServer.start>): Promise<LoopbackServer> => {
    const server = await LoopbackServer.start(...listener)
    servers.push(server)
    return server
  }
  /** The page of a sign-in at an issuer, without its name and the request's. */
  const pageOf = async (portal: PortalFixture, issuer: string) => {
    const settings = { issuer, client_id: 'x', client_secret: 'y', allow_http: true }
    const { id } = await portal.create('/identity_providers', { name: `X ${++made}`, type: 'oidc', settings })
    const response = await fetch(`${portal.url}/example/sign_in/oidc/${id}`, { redirect: 'manual' })
    const request = response.headers.get('x-request-id') ?? ''
    return { status: response.status, text: (await response.text()).replaceAll(id, '').replaceAll(request, '') }
  }
  const portOf = ({ url }: LoopbackServer): string => new URL(url).port

  it('requests to identity providers go to no private address, in whatever spelling, unless the operator’s configuration permits it', async () => {
    const unreachable = await pageOf(strict, 'http://192.0.2.1.invalid')
    expect(unreachable.status).to.equal(502)
    let asked = 0
    const port = portOf(await serve((_, response) => response.end(String(asked++))))
    const hosts = ['127.0.0.1', 'localhost', 'localhost.', '127.1', '0x7f.1', '2130706433', '0177.0.0.1', '127.0.0.1.', '0', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::7f00:1]'] // prettier-ignore
    for (const host of hosts) {
      const { status, text } = await pageOf(strict, `http://${host}:${port}`)
      expect({ status, text }, host).to.deep.equal(unreachable)
    }
    expect(asked).to.equal(0)
    await pageOf(open, `http://127.0.0.1:${port}`)
    expect(asked).to.be.above(0)
    expect(JSON.stringify(strict.logger.lines), 'the operator is told what to do').to.contain('permits')
  })

  it('requests to identity providers tell nobody which ports are open: closed, silent and strange ones give the same page', async () => {
    const web = await serve((_, response) => response.end('hello'))
    const failing = await serve((_, response) => response.writeHead(500).end('{}'))
    const moved = await serve((_, response) => response.writeHead(302, { location: web.url }).end())
    const json = await serve((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'))
    const ssh = createTcpServer((socket) => socket.on('error', () => undefined).end('SSH-2.0-x\r\n'))
    await new Promise<void>((resolve) => ssh.listen(0, '127.0.0.1', resolve))
    const closed = await serve(() => undefined)
    await closed.stop()
    const ports = [web, failing, moved, json, closed].map(portOf)
    ports.push(String((ssh.address() as AddressInfo).port))
    for (const portal of [strict, open]) {
      const pages = []
      for (const port of ports) pages.push(await pageOf(portal, `http://127.0.0.1:${port}`))
      expect(new Set(pages.map((page) => JSON.stringify(page))).size).to.equal(1)
    }
    ssh.close()
  })

  it('requests to identity providers end where an answer is too long, packed or not, and follow no redirect', async () => {
    const document = (issuer: string) => JSON.stringify({ issuer, padding: 'x'.repeat(2_000_000) })
    const long = await serve((request, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(document(`http://${request.headers.host}`)),
    )
    const packed = await serve((request, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
        .end(gzipSync(document(`http://${request.headers.host}`))),
    )
    for (const { url } of [long, packed]) expect((await pageOf(open, url)).status).to.equal(502)
    let followed = 0
    const end = await serve((_, response) => response.end(String(followed++)))
    const moving = await serve((_, response) => response.writeHead(307, { location: end.url }).end())
    await pageOf(open, moving.url)
    expect(followed).to.equal(0)
  })
})
