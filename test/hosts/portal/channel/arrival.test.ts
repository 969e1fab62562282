import { expect } from 'chai'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { MINUTE } from '../../../../core/runtime/time.ts'
import { ControlEndpoint } from '../../../../hosts/portal/channel/endpoint.ts'
import { close, listen } from '../../../../hosts/portal/listen.ts'
import type { TokenVerdict } from '../../../../hosts/portal/identity/tokens.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const UPGRADE = [
  'GET /client/v2/websocket?token=t&external_id=e&public_key=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc%3D HTTP/1.1',
  'Host: portal.example.org',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  '\r\n',
].join('\r\n')

describe('a socket that asks for the control channel', () => {
  let server: Server
  let clock: VirtualClock
  let endpoint: ControlEndpoint
  let verify: () => Promise<TokenVerdict>
  let verifying: Promise<unknown>
  let connected: number
  const sockets: Socket[] = []

  beforeEach(async () => {
    clock = new VirtualClock()
    connected = 0
    let isVerifying: () => void
    verifying = new Promise<void>((resolve) => (isVerifying = resolve))
    endpoint = new ControlEndpoint({
      random: new SeededRandom(1),
      tokens: {
        isGenuine: () => true,
        verify: async () => {
          isVerifying()
          return verify()
        },
      },
      rows: {
        known: () => Promise.reject(new Error('no')),
        client: () => Promise.reject(new Error('no')),
        gateway: () => Promise.reject(new Error('no')),
      },
      clock,
      logger: new RecordingLogger(),
      clientAddress: () => '192.0.2.1',
      connectLimit: { perSecond: 100, burst: 100 },
      prepare: () => Promise.resolve(),
      seated: () => undefined,
      onContested: () => undefined,
      onConnected: () => connected++,
      onFrame: () => undefined,
      onDisconnected: () => undefined,
    })
    server = createServer()
    server.on('upgrade', (...request) => void endpoint.upgrade(...request))
    await listen(server, { host: '127.0.0.1', port: 0, onError: () => undefined })
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await close(server)
  })

  /** Opens a socket that never closes its half by itself. */
  const ask = (): Socket => {
    const socket = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, allowHalfOpen: true })
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.write(UPGRADE)
    return socket
  }

  it('a refused socket for the control channel is given up by the portal, though its peer does not hang up', async () => {
    verify = () => Promise.resolve({ ok: false, reason: 'unknown' })
    const accepted = once(server, 'connection') as Promise<[Socket]>
    const socket = ask().resume()
    const [portals] = await accepted
    await Promise.all([once(portals, 'close'), once(socket, 'end')])
    expect(socket.destroyed, 'the peer still holds its half').to.equal(false)
  })

  it('a socket for the control channel is given up where it takes too long to decide about it', async () => {
    verify = () => new Promise(() => undefined)
    const socket = ask().resume()
    await verifying
    clock.advance(MINUTE)
    await once(socket, 'end')
    expect(connected).to.equal(0)
  })

  it('a socket for the control channel is closed with the portal while it is being decided about, and not let in afterwards', async () => {
    let answer: (verdict: TokenVerdict) => void = () => undefined
    verify = () => new Promise((resolve) => (answer = resolve))
    const socket = ask().resume()
    await verifying
    endpoint.closeAll()
    await once(socket, 'end')
    answer({ ok: false, reason: 'unknown' })
    expect(connected).to.equal(0)
  })
})
