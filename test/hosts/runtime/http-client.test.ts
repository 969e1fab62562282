import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { afterEach, describe, it } from 'mocha'
import { createHttpClient } from '../../../hosts/runtime/index.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

describe('the HTTP client', () => {
  const servers: Server[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
  })

  const serve = async (listener: RequestListener): Promise<string> => {
    const server = createServer(listener)
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }

  const send = (url: string, more: { timeoutMs?: number; maxBytes?: number; method?: string; body?: string } = {}) =>
    createHttpClient().send({
      method: 'GET',
      url,
      headers: { 'x-test': 'yes' },
      timeoutMs: PATIENCE_MS,
      maxBytes: 1_000,
      ...more,
    })
  const codeOf = (url: string, more: Parameters<typeof send>[1] = {}) =>
    send(url, more).then(
      ({ status }) => status,
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : String(error)),
    )

  it('the HTTP client sends method, headers and body, and gives back status, headers and body', async () => {
    const url = await serve((request, response) => {
      request.on('data', (chunk) => {
        response.writeHead(207, { 'X-Seen': `${request.method} ${String(request.headers['x-test'])}` })
        response.end(`${String(chunk)}!`)
      })
    })
    const { status, headers, body } = await send(url, { method: 'POST', body: 'hello' })
    expect(status).to.equal(207)
    expect(headers['x-seen']).to.equal('POST yes')
    expect(Buffer.from(body).toString()).to.equal('hello!')
  })

  it('the HTTP client follows no redirect and keeps no cookie', async () => {
    const cookies: unknown[] = []
    const url = await serve((request, response) => {
      cookies.push(request.headers.cookie)
      response.writeHead(302, { location: '/elsewhere', 'set-cookie': 'a=b' }).end()
    })
    expect((await send(url)).headers['location']).to.equal('/elsewhere')
    await send(url)
    expect(cookies).to.deep.equal([undefined, undefined])
  })

  it('the HTTP client refuses a longer body, announced or not, also one that is small only while it is packed', async () => {
    const announced = await serve((_, response) => response.end(Buffer.alloc(1_001)))
    const endless = await serve((_, response) => {
      const more = (): boolean => response.write(Buffer.alloc(1_000))
      response.on('drain', more)
      more()
      more()
    })
    const packed = await serve((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1 << 20))),
    )
    const allowed = await serve((_, response) => response.end(Buffer.alloc(1_000)))
    for (const url of [announced, endless, packed]) expect(await codeOf(url)).to.equal('EMSGSIZE')
    expect(await codeOf(allowed)).to.equal(200)
  })

  it('the HTTP client gives up on a server that is silent, or stops in the middle', async () => {
    const silent = await serve(() => undefined)
    const stopping = await serve((_, response) => void response.write('begun'))
    for (const url of [silent, stopping]) expect(await codeOf(url, { timeoutMs: 50 })).to.equal('ETIMEDOUT')
  })

  it('the HTTP client reports the system’s error', async () => {
    const closed = await serve(() => undefined)
    await new Promise((resolve) => servers.pop()?.close(resolve))
    expect(await codeOf(closed)).to.equal('ECONNREFUSED')
    expect(await codeOf('file:///etc/passwd')).to.equal('EPROTONOSUPPORT')
    expect(await codeOf('data:,hello')).to.equal('EPROTONOSUPPORT')
  })
})
