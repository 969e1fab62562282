import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { WebSocketServer } from 'ws'
import { isProofOf, readDeviceProof } from '../../../core/control/device-proof.ts'
import { Ed25519PrivateKey } from '../../../core/crypto/ed25519.ts'
import { toBase64 } from '../../../core/crypto/text-encoding.ts'
import { Secret } from '../../../core/runtime/secret.ts'
import { PortalConnection } from '../../../hosts/peer/portal-connection.ts'
import type { LinkInput } from '../../../core/control/portal-link.ts'
import type { PortalProblem } from '../../../core/control/portal-problem.ts'
import { createClock, createWebSockets } from '../../../hosts/runtime/index.ts'

const KEYS = { privateKey: new Uint8Array(32).fill(1), publicKey: new Uint8Array(32).fill(2) }
const KEY = new Ed25519PrivateKey(new Uint8Array(32).fill(3))

describe('the connection to the portal', () => {
  let server: Server
  let accepting: WebSocketServer
  let request: IncomingMessage | undefined
  let refusal: string | undefined
  let told: LinkInput<'client'>[]
  let hear: () => void
  let connection: PortalConnection<'client'>

  beforeEach(async () => {
    told = []
    hear = () => undefined
    refusal = undefined
    accepting = new WebSocketServer({ noServer: true })
    accepting.on('connection', (socket) => socket.on('message', (data) => socket.send(data, { binary: false })))
    server = createServer()
    server.on('upgrade', (upgrade, socket, head) => {
      request = upgrade
      if (refusal !== undefined) return void socket.end(refusal)
      accepting.handleUpgrade(upgrade, socket, head, (accepted) => accepting.emit('connection', accepted))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    connection = new PortalConnection({
      role: 'client',
      portalUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      identity: {
        id: 'id',
        name: 'laptop',
        keys: KEYS,
        transport: 'memory',
        token: new Secret('t0ken'),
        userAgent: 'a/1',
        process: 'a'.repeat(22),
        deviceKey: KEY,
      },
      ports: {
        webSockets: createWebSockets(),
        clock: createClock(),
      },
      tell: (input) => {
        told.push(input)
        hear()
      },
    })
  })

  afterEach(async () => {
    connection.close()
    for (const socket of accepting.clients) socket.terminate()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  const heard = (count: number): Promise<void> =>
    new Promise((resolve) => {
      hear = () => {
        if (told.length >= count) resolve()
      }
      hear()
    })

  it('a portal connection shows its token in a header and nowhere else', async () => {
    connection.open()
    await heard(1)
    expect(request?.headers).to.include({
      'x-authorization': 'Bearer t0ken',
      'user-agent': 'a/1',
      'x-tunnel-transport': 'memory',
    })
    expect(request?.url).to.match(/^\/client\/v2\/websocket\?/)
    expect(request?.url).not.to.contain('t0ken')
  })

  it('H7 a portal connection tells its process, and the number of the connect among those of the process', async () => {
    connection.open()
    await heard(1)
    expect(request?.headers['x-peer-process']).to.equal(`${'a'.repeat(22)}.1`)
    connection.close()
    connection.open()
    await heard(2)
    expect(request?.headers['x-peer-process']).to.equal(`${'a'.repeat(22)}.2`)
  })

  it('a portal connection proves the device key for the tunnel key, the id and the token of this connect', async () => {
    connection.open()
    await heard(1)
    const proof = readDeviceProof(String(request?.headers['x-device-proof']))
    const connect = { role: 'client', externalId: 'id', publicKey: toBase64(KEYS.publicKey), token: 't0ken' } as const
    expect(proof && isProofOf(proof, connect, createClock().unix())).to.equal(true)
    expect(proof?.key).to.deep.equal(KEY.publicKey)
  })

  it('a portal connection reports its opening, its messages, and its end', async () => {
    connection.open()
    await heard(1)
    connection.send('hello')
    await heard(2)
    for (const socket of accepting.clients) socket.terminate()
    await heard(3)
    expect(told.slice(0, 2)).to.deep.equal([{ type: 'connectionOpened' }, { type: 'frameReceived', text: 'hello' }])
    expect(told[2]).to.deep.include({ type: 'connectionClosed' })
    expect((told[2] as { problem: PortalProblem }).problem).to.include({ step: 'session', code: 'connection_lost' })
  })

  it("a portal connection reports the portal's refusal with its code", async () => {
    const body = JSON.stringify({ code: 'invalid_token' })
    refusal = `HTTP/1.1 401 Unauthorized\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    connection.open()
    await heard(1)
    expect(told[0]).to.include({ type: 'connectionRefused', status: 401, code: 'invalid_token' })
  })
})
