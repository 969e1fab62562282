import { expect } from 'chai'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { after, afterEach, before, describe, it } from 'mocha'
import { PortalProcess } from '../../kit/portal-process.ts'
import { sendRaw, statusOf, type RawOptions } from '../../kit/raw-request.ts'

const FORM = 'Content-Type: application/x-www-form-urlencoded'
const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']

/** Sends a stranger's bytes to a portal that is a process of its own. */
describe('malformed requests', function () {
  this.timeout(300_000)
  let portal: PortalProcess
  let token: string

  before(async () => {
    portal = await PortalProcess.configure({
      rate_limit: { burst: 100_000, per_second: 100_000, sign_in_burst: 100_000, sign_in_per_second: 100_000 },
    })
    token = (await portal.init()).token
    await portal.start()
  })
  after(async () => portal.remove())
  afterEach('the portal lives, and nothing reached its last resort', async () => {
    expect((await fetch(`${portal.url}/healthz`)).status, portal.output).to.equal(200)
    expect(portal.output).not.to.contain('nobody handled')
    expect(portal.output).not.to.contain('request failed')
  })

  const request = (line: string, headers: readonly string[], body: string | Uint8Array = '') => [
    [`${line} HTTP/1.1`, 'Host: portal', 'Connection: close', ...headers, '', ''].join('\r\n'),
    body,
  ]
  const post = (path: string, headers: readonly string[], body: string | Uint8Array, options?: RawOptions) =>
    sendRaw(
      portal.url,
      request(`POST ${path}`, [`Content-Length: ${Buffer.byteLength(body)}`, ...headers], body),
      options,
    )
  /** Requests for one route of each kind. */
  const routes = () => [
    { path: '/example/sign_in/emergency', headers: [FORM] },
    { path: '/example/sign_in/oidc/00000000-0000-4000-8000-000000000000', headers: [FORM] },
    { path: '/example/sign_out', headers: [FORM] },
    { path: '/example/my/api_tokens', headers: [FORM] },
    { path: '/x/sign_in/emergency', headers: [FORM] },
    { path: '/api/v1/groups', headers: ['Content-Type: application/json', `Authorization: Bearer ${token}`] },
    { path: '/api/v1/groups', headers: ['Content-Type: application/json'] },
    { path: '/auth/oidc/callback', headers: [FORM] },
    { path: '/healthz', headers: [FORM] },
    { path: '/nowhere/at/all', headers: [FORM] },
  ]

  it('a compressed body is refused on every route before anything inflates it, whole, cut short or none at all', async () => {
    const plain = Buffer.alloc(9_000)
    const encodings: [string, Buffer][] = [
      ['gzip', gzipSync(plain)],
      ['GZip', gzipSync(plain)],
      ['x-gzip', gzipSync(plain)],
      [' deflate ', deflateSync(plain)],
      ['br', brotliCompressSync(plain)],
      ['zstd', plain],
      ['gzip, gzip', gzipSync(gzipSync(plain))],
      ['identity, gzip', gzipSync(plain)],
      ['gzip;q=1', gzipSync(plain)],
      ['aes128gcm', plain],
      ['\u0000identity'.slice(1) + 'x', plain],
    ]
    for (const { path, headers } of routes()) {
      for (const [encoding, body] of encodings) {
        for (const sent of [body, body.subarray(0, -4), Buffer.from('no such stream')]) {
          const answer = await post(path, [...headers, `Content-Encoding: ${encoding}`], sent, { ending: 'wait' })
          expect(statusOf(answer), `${path} ${encoding}`).to.equal(415)
          expect(answer).to.match(/accept-encoding: identity/i)
        }
      }
    }
  })

  it('a compressed body is refused where the header stands twice, and without a body at all', async () => {
    const twice = ['Content-Encoding: identity', 'Content-Encoding: gzip', FORM]
    expect(statusOf(await post('/example/sign_in/emergency', twice, gzipSync('code=1')))).to.equal(415)
    expect(statusOf(await sendRaw(portal.url, request('GET /', ['Content-Encoding: gzip'])))).to.equal(415)
  })

  it('a body that is said not to be compressed is read', async () => {
    for (const encoding of ['identity', 'Identity', '']) {
      const headers = [FORM, `Content-Encoding: ${encoding}`]
      expect(statusOf(await post('/example/sign_in/emergency', headers, 'code=1')), encoding).to.equal(403)
    }
  })

  it('uploads that end early, by halves or by a reset, cost nobody anything', async () => {
    for (const { path, headers } of routes()) {
      const early = request(`POST ${path}`, ['Content-Length: 4000', ...headers], 'code=')
      for (const ending of ['end', 'reset'] as const) await sendRaw(portal.url, early, { ending, timeoutMs: 200 })
      const chunked = request(`POST ${path}`, ['Transfer-Encoding: chunked', ...headers])
      for (const body of [
        'zz\r\nx\r\n0\r\n\r\n',
        '5\r\nab',
        'FFFFFFFFFFFFFFFFF\r\n',
        '1\r\nab\r\n0\r\n\r\n',
        '0\r\nx',
      ]) {
        await sendRaw(portal.url, [...chunked, body], { timeoutMs: 200 })
        await sendRaw(portal.url, [...chunked, body], { ending: 'reset', timeoutMs: 200 })
      }
      await sendRaw(portal.url, [...chunked, `${(200_000).toString(16)}\r\n`, Buffer.alloc(200_000)], {
        ending: 'reset',
        timeoutMs: 200,
      })
    }
  })

  it('a body that is longer than may be is refused, while it is still on its way too', async () => {
    for (const { path, headers } of routes()) {
      const answer = await sendRaw(
        portal.url,
        [...request(`POST ${path}`, ['Content-Length: 50000000', ...headers]), Buffer.alloc(300_000, 'a')],
        { ending: 'reset', timeoutMs: 200 },
      )
      expect([undefined, 400, 401, 403, 404, 413], path).to.include(statusOf(answer))
    }
  })

  it('malformed targets, methods and headers are answered with 4xx, or not at all', async () => {
    const targets = [
      'http://[', 'http://a:99999999/', 'http://%/', '*', 'example', '//', '//[', '/%', '/%ff%fe', '/%00', '/\\..\\..',
      '/example/sign_in/%ff/%c0%ae', '/?%ff=%', '/#', 'http://portal/healthz#x', `/${'a'.repeat(15_000)}`, '/api/v1/%',
      '/api/v1/sites/%ff', '/api/v1/sites?cursor=%ff&limit=%', '/openapi.json/%', '/auth/oidc/callback?state=%ff&state=',
    ] // prettier-ignore
    for (const target of targets) {
      for (const method of [
        'GET',
        'HEAD',
        'POST',
        'OPTIONS',
        'DELETE',
        'PROPFIND',
        'M-SEARCH',
        'CONNECT',
        'TRACE',
        'BREW',
      ]) {
        const answer = await sendRaw(portal.url, request(`${method} ${target}`, ['Content-Length: 0']), {
          timeoutMs: 300,
        })
        const status = statusOf(answer)
        expect(status === undefined || status < 500, `${method} ${target}: ${String(status)}`).to.equal(true)
      }
    }
    const heads = [
      'GET / HTTP/9.9\r\n\r\n', 'GET /\r\n\r\n', '\r\n\r\n\r\n', '\u0016\u0003\u0001\u0002\u0000', 'GET / HTTP/1.1\r\nHost\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`, 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\nCookie: \u00ff\u00fe=\u0000\r\n\r\n', `GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(3_000)}\r\n`,
      'GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: \u00ff,,%,[::\r\nAuthorization: Bearer \u00e9\r\n\r\n',
    ] // prettier-ignore
    for (const head of heads) {
      for (const ending of ['end', 'reset'] as const) {
        const answer = await sendRaw(portal.url, [Buffer.from(head, 'latin1')], { ending, timeoutMs: 300 })
        const status = statusOf(answer)
        expect(status === undefined || status < 500, `${head.slice(0, 60)}: ${String(status)}`).to.equal(true)
      }
    }
  })

  it('bytes that are not UTF-8, and types that are none, are answered with a reason', async () => {
    const bad = Buffer.from([0x63, 0x6f, 0x64, 0x65, 0x3d, 0xff, 0xfe, 0xc0, 0x80])
    for (const { path, headers } of routes()) {
      const others = headers.filter((header) => !header.startsWith('Content-Type'))
      for (const type of [
        '',
        'application/json; charset=bogus',
        'application/x-www-form-urlencoded; charset=utf-7',
        '\u00ff',
        'multipart/form-data; boundary=x',
      ]) {
        const answer = await post(path, [...others, `Content-Type: ${type}`], bad)
        expect(statusOf(answer), `${path} ${type}`).to.be.within(200, 499)
      }
      expect(statusOf(await post(path, headers, bad)), path).to.be.within(200, 499)
    }
  })

  it('an Expect header is met, or refused, or waited for in vain', async () => {
    for (const { path, headers } of routes()) {
      for (const expectation of ['100-continue', '100-Continue', 'the-unexpected', '']) {
        const head = request(`POST ${path}`, ['Content-Length: 6', ...headers, `Expect: ${expectation}`])
        for (const ending of ['end', 'reset'] as const) {
          const waiting = await sendRaw(portal.url, head, { ending, timeoutMs: 100 })
          expect(statusOf(waiting) ?? 100, `${path} ${expectation}`).to.be.below(500)
          await sendRaw(portal.url, [...head, 'code=1'], { ending, timeoutMs: 100 })
        }
        const encoded = request(`POST ${path}`, [
          'Content-Length: 6',
          ...headers,
          `Expect: ${expectation}`,
          'Content-Encoding: gzip',
        ])
        await sendRaw(portal.url, encoded, { ending: 'reset', timeoutMs: 100 })
      }
    }
  })

  it('malformed upgrades, and upgrades that break off or go on with bad frames, end alone', async () => {
    const paths = ['/client/websocket', '/gateway/websocket', '/client/websocket?token=%ff', '/', 'http://[', '/%', '*']
    const keys = ['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Key: x', 'X: y']
    const frames = [
      '',
      Buffer.from([0xff, 0xff, 0xff]),
      Buffer.from([0x81, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ]
    for (const path of paths) {
      for (const key of keys) {
        for (const frame of frames) {
          for (const ending of ['end', 'reset'] as const) {
            const head = [
              `GET ${path} HTTP/1.1`,
              'Host: portal',
              ...UPGRADE,
              key,
              `Authorization: Bearer ${token}`,
              '',
              '',
            ].join('\r\n')
            const answer = await sendRaw(portal.url, [head, frame], { ending, timeoutMs: 300 })
            expect(statusOf(answer) ?? 400, `${path} ${key}`).to.be.within(400, 499)
          }
        }
      }
    }
    for (const upgrade of ['h2c', 'TLS/1.0', 'websocket, h2c', '\u00ff']) {
      await sendRaw(
        portal.url,
        [
          `POST /example HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: ${upgrade}\r\nContent-Length: 9\r\n\r\nabc`,
        ],
        { ending: 'reset' },
      )
    }
  })

  it('many requests that give up at once, at whatever point, do as little as one', async () => {
    const whole = Buffer.concat(
      request('POST /example/sign_in/emergency', [FORM, 'Content-Length: 6'], 'code=1').map((part) =>
        Buffer.from(part),
      ),
    )
    await Promise.all(
      Array.from({ length: whole.length }, (_, at) =>
        sendRaw(portal.url, [whole.subarray(0, at)], { ending: 'reset' }),
      ),
    )
  })
})
