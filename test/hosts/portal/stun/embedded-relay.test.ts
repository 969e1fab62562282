import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, afterEach, before, describe, it } from 'mocha'
import { WebSocket } from 'ws'
import { endpoint } from '../../../../core/runtime/endpoint.ts'
import { ALLOCATE, requestedUdp } from '../../../../core/turn/turn-attributes.ts'
import { Secret } from '../../../../core/runtime/secret.ts'
import { RelayConfig } from '../../../../hosts/relay/config.ts'
import { startRelay } from '../../../../hosts/relay/main.ts'
import { ControlPeer, type PeerFrame } from '../../../kit/control-peer.ts'
import { freePort } from '../../../kit/free-port.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'
import { TurnClient } from '../../../kit/turn-bench.ts'
import { TurnSocketClient } from '../../../kit/turn-socket-client.ts'

interface Entry {
  type: string
  id: string
  addr: string
  username: string
  password: string
}

/** Above the ports that the system gives to clients' sockets, which share the relay's address here. */
const RELAYED_PORTS = { first: 61_000, last: 65_535 }

describe('a relay in the portal’s own process', () => {
  let portal: PortalFixture
  let port: number
  const open: { close: () => void }[] = []

  before(async () => {
    port = await freePort('127.0.0.1')
    portal = await PortalFixture.start({
      plugins: ['selector-random', 'relay-embedded'],
      config: {
        stun: { listen: ['127.0.0.1'], port, advertised_addresses: ['192.0.2.10'] },
        relay: { relayed_ports: RELAYED_PORTS, per_account: { max_allocations: 3 } },
        // Relays say addresses of documentation here, at which nobody answers.
        relays: { probe: false },
      },
    })
  })
  after(async () => portal.stop())
  afterEach(() => {
    for (const each of open.splice(0)) each.close()
  })

  let actors = 0
  const clientJoins = async (adminToken = portal.token) => {
    const create = async (path: string, body: object = {}) => (await portal.api('POST', path, body, adminToken)).body
    const ada = await create('/actors', { name: 'Ada', email: `ada-${++actors}@example.org` })
    const { token } = await create(`/actors/${ada.id}/client_tokens`)
    const joined = await ControlPeer.join({ url: portal.url, role: 'client', token })
    open.push(joined.peer)
    return joined
  }

  const allocates = async (at: number, { username, password }: Entry): Promise<string> => {
    const client = await TurnSocketClient.open(endpoint('127.0.0.1', at), { username, password }, 'released')
    open.push(client)
    return client.allocate()
  }

  it('a client is told of it with its init, and allocates with the credentials that it was told', async () => {
    const { init } = await clientJoins()
    const [entry, ...others] = init.relays as Entry[]
    expect(others).to.deep.equal([])
    expect(entry).to.include({ type: 'turn', addr: `192.0.2.10:${port}` })
    expect(entry && (await allocates(port, entry))).to.match(/^192\.0\.2\.10:6\d{4}$/)
    const metrics = await (await fetch(`${portal.url}/metrics`)).text()
    expect(metrics).to.match(/^portreeve_portal_relay_allocations 1$/m)
  })

  it('H9 a client that asks for WebSockets is told the portal’s own, by which it allocates as by UDP', async () => {
    const { peer, init } = await clientJoins()
    expect((init.relays as { websocket_url?: string }[])[0]).to.not.have.property('websocket_url')
    peer.send('set_capabilities', { features: ['relay_websocket'] })
    const frame = await peer.next('relays_presence')
    const [entry] = (frame.payload as { connected: (Entry & { websocket_url: string })[] }).connected
    const url = entry?.websocket_url ?? ''
    expect(url).to.equal(`${portal.url.replace(/^http/, 'ws')}/relay/connect`)
    const socket = new WebSocket(url)
    open.push({ close: () => socket.terminate() })
    await once(socket, 'open')
    const turn = new TurnClient({
      username: entry?.username ?? '',
      password: entry?.password ?? '',
      exchange: () => [],
    })
    const ask = async () => {
      const answered = once(socket, 'message') as Promise<[Buffer]>
      socket.send(turn.request(ALLOCATE, () => [requestedUdp]))
      return turn.read(new Uint8Array((await answered)[0]))
    }
    expect((await ask()).code).to.equal(401)
    expect((await ask()).code).to.equal(undefined)
    const page = new WebSocket(url, { origin: 'https://evil.example' })
    const [error] = (await once(page, 'error')) as [Error]
    expect(error.message).to.contain('403')
  })

  it('H10 clients of one account have so many allocations, and the portal says of which account', async () => {
    const allocatesHere = async (adminToken?: string) => {
      const { init } = await clientJoins(adminToken)
      const entry = (init.relays as Entry[]).find(({ addr }) => addr === `192.0.2.10:${port}`)
      return entry === undefined ? 'not offered' : allocates(port, entry).catch((error: Error) => error.message)
    }
    const answers = [await allocatesHere(), await allocatesHere(), await allocatesHere()]
    expect(answers[2]).to.equal('no allocation: 486')
    const metrics = await (await fetch(`${portal.url}/metrics`)).text()
    expect(metrics).to.match(/^portreeve_portal_relay_refused_total\{limit="allocations"\} [1-3]$/m)
    const said = portal.logger.lines.filter(({ message }) => message.includes('per_account.max_allocations'))
    expect(said.map(({ fields }) => fields.account)).to.deep.equal([portal.account.id])
    const { token } = await portal.addAccount('another')
    expect(await allocatesHere(token)).to.match(/^192\.0\.2\.10:6\d{4}$/)
  })

  it('a relay of another process registers, is offered beside it, and takes the portal’s credentials', async () => {
    const { peer, init } = await clientJoins()
    const own = (init.relays as Entry[])[0]?.id
    const { token } = await portal.create('/relay_tokens', { name: 'Tokyo' })
    const [folder, at] = [await mkdtemp(join(tmpdir(), 'portreeve-relay-')), await freePort('127.0.0.1')]
    const config = RelayConfig.parse({
      portal_url: portal.url,
      listen: ['127.0.0.1'],
      port: at,
      addresses: ['192.0.2.11'],
      relayed_ports: RELAYED_PORTS,
      state_folder: folder,
      log_level: 'silent',
    })
    const relay = await startRelay({ config, token: new Secret(token), version: '1.0.0' })
    try {
      const connected = ({ payload }: PeerFrame): Entry[] => (payload as { connected: Entry[] }).connected
      const frame = await peer.next('relays_presence', (each) => connected(each).some(({ id }) => id !== own))
      const entry = connected(frame).find(({ id }) => id !== own)
      expect(entry?.addr).to.equal(`192.0.2.11:${at}`)
      expect(entry && (await allocates(at, entry))).to.match(/^192\.0\.2\.11:6\d{4}$/)
    } finally {
      await relay.stop()
      await rm(folder, { recursive: true })
    }
  })
})
