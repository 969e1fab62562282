import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { after as afterAll, afterEach, before, describe, it } from 'mocha'
import { WebSocketServer, type WebSocket } from 'ws'
import { RelayJoin, RelayQuery } from '../../../core/control/relay-messages.ts'
import { stampedRelayCredentials } from '../../../core/crypto/relay-credentials.ts'
import { endpoint } from '../../../core/runtime/endpoint.ts'
import { Secret } from '../../../core/runtime/secret.ts'
import { encodeBinding } from '../../../core/stun/stun-binding.ts'
import { RelayConfig, type RunningRelay } from '../../../hosts/relay/config.ts'
import { askRelayStatus } from '../../../hosts/relay/control-socket.ts'
import { startRelay } from '../../../hosts/relay/main.ts'
import { freePort } from '../../kit/free-port.ts'
import { TurnSocketClient } from '../../kit/turn-socket-client.ts'

/** One connection of a relay at a portal of this test's own. */
interface Arrival {
  query: RelayQuery
  headers: Record<string, unknown>
  socket: WebSocket
  stampSecret: string
}

describe('a relay in a process of its own', () => {
  let server: Server
  let folder: string
  let portalUrl: string
  let refusal: { status: number; code: string } | undefined
  const arrivals: Arrival[] = []
  let arrived: () => void = () => undefined
  let relay: RunningRelay | undefined
  let port: number

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portreeve-relay-'))
    const sockets = new WebSocketServer({ noServer: true })
    server = createServer()
    server.on('upgrade', (request, socket, head) => {
      if (refusal !== undefined) {
        const body = JSON.stringify(refusal)
        return socket.end(
          `HTTP/1.1 ${refusal.status} Refused\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        )
      }
      const url = new URL(request.url ?? '', 'http://portal')
      expect(url.pathname).to.equal('/relay/websocket')
      const query = RelayQuery.parse(Object.fromEntries(url.searchParams))
      sockets.handleUpgrade(request, socket, head, (opened) => {
        opened.once('message', (data: Buffer) => {
          const { topic, event, payload, ref } = JSON.parse(data.toString()) as Record<string, unknown>
          expect({ topic, event }).to.deep.equal({ topic: 'relay', event: 'phx_join' })
          const { stamp_secret: stampSecret } = RelayJoin.parse(payload)
          opened.send(JSON.stringify({ topic, event: 'phx_reply', payload: { status: 'ok', response: {} }, ref }))
          arrivals.push({ query, headers: request.headers, socket: opened, stampSecret })
          arrived()
        })
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    portalUrl = `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`
  })

  afterEach(async () => {
    await relay?.stop()
    relay = undefined
    refusal = undefined
    for (const { socket } of arrivals.splice(0)) socket.terminate()
  })

  afterAll(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })

  const start = async (): Promise<RunningRelay> => {
    port = await freePort('127.0.0.1')
    const config = RelayConfig.parse({
      portal_url: portalUrl,
      name: 'tokyo-1',
      listen: ['127.0.0.1'],
      port,
      addresses: ['192.0.2.10'],
      relayed_ports: { first: 61_000, last: 65_535 },
      state_folder: folder,
      log_level: 'silent',
      websocket_url: 'wss://relay.example.org/relay',
    })
    return (relay = await startRelay({ config, token: new Secret('a-relay-token'), version: '1.2.3' }))
  }

  const arrival = async (number: number): Promise<Arrival> => {
    for (;;) {
      const found = arrivals[number]
      if (found !== undefined) return found
      await new Promise<void>((resolve) => (arrived = resolve))
    }
  }

  const admit = ({ socket }: Arrival): void =>
    socket.send(JSON.stringify({ topic: 'relay', event: 'init', payload: {}, ref: null }))

  it('registers as released relays do, serves those with its credentials, and comes back when it is cut off', async () => {
    await start()
    const first = await arrival(0)
    expect(first.query).to.deep.equal({
      name: 'tokyo-1',
      ipv4: '192.0.2.10',
      port,
      websocket_url: 'wss://relay.example.org/relay',
    })
    expect(first.headers).to.include({ 'x-authorization': 'Bearer a-relay-token' })
    expect(first.headers['user-agent']).to.match(/ relay\/1\.2\.3 /)
    admit(first)
    const credentials = (stampSecret: string) =>
      stampedRelayCredentials({ publicKey: 'ada', expiry: 4_102_444_800, stampSecret })
    const client = await TurnSocketClient.open(endpoint('127.0.0.1', port), credentials(first.stampSecret), 'released')
    expect(await client.allocate()).to.match(/^192\.0\.2\.10:6\d{4}$/)
    first.socket.terminate()
    const second = await arrival(1)
    expect(second.stampSecret).to.equal(first.stampSecret)
    expect((await client.bind(0x4000, endpoint('198.51.100.7', 4000))).code).to.equal(undefined)
    client.close()
    admit(second)
    const socket = createSocket('udp4')
    socket.send(encodeBinding(new Uint8Array(12)), port, '127.0.0.1')
    await once(socket, 'message')
    socket.close()
    const status = await askRelayStatus(join(folder, 'relay.sock'))
    expect(status).to.deep.include({ state: 'connected', port, allocations: 1, addresses: { ipv4: '192.0.2.10' } })
    expect(status.portal).to.deep.equal({ url: `${portalUrl.replace('http', 'ws')}/relay/websocket`, problem: null })
  })

  it('takes no user name that has expired', async () => {
    await start()
    const first = await arrival(0)
    admit(first)
    const expired = stampedRelayCredentials({ publicKey: 'ada', expiry: 1_700_000_000, stampSecret: first.stampSecret })
    const client = await TurnSocketClient.open(endpoint('127.0.0.1', port), expired, 'released')
    const failure = await client.allocate().catch((error: unknown) => error)
    expect(String(failure)).to.contain('401')
    client.close()
  })

  it('ends when the portal refuses its token, with the portal’s word', async () => {
    refusal = { status: 401, code: 'invalid_token' }
    const { ended } = await start()
    expect(await ended).to.deep.equal({ reason: 'signed_out', detail: 'invalid_token' })
  })

  it('a configuration says what is wrong with it', () => {
    const issues = (settings: object): string[] =>
      RelayConfig.safeParse({ portal_url: portalUrl, ...settings }).error?.issues.map(({ message }) => message) ?? []
    expect(issues({ addresses: ['127.0.0.1'] })).to.deep.equal(['is no address that peers can reach'])
    expect(issues({ addresses: ['192.0.2.1', '192.0.2.2'] })).to.deep.equal(['has two addresses of one family'])
    expect(issues({ relayed_ports: { first: 60_000, last: 50_000 } })).to.deep.equal(['ends before it begins'])
    expect(issues({ permitted_peers: ['10.0.0.0/33'] })).to.deep.equal(['is no address and no CIDR'])
    expect(issues({ addresses: ['192.0.2.1', '2001:db8::1'] })).to.deep.equal([])
  })
})
