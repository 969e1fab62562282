import { expect } from 'chai'
import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import {
  accountOfUsername,
  stampedRelayCredentials,
  stampedRelayPassword,
} from '../../../../core/crypto/relay-credentials.ts'
import { SECOND } from '../../../../core/runtime/time.ts'
import { StunServer } from '../../../../hosts/portal/stun/stun-server.ts'
import { createClock } from '../../../../hosts/runtime/index.ts'
import { example } from '../../../core/control/examples.ts'
import { ControlPeer, keyOf, type ConnectRefused, type PeerFrame } from '../../../kit/control-peer.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'

const STAMP_SECRET = 'example-relay-stamp-secret'

interface Entry {
  id: string
  addr: string
  username: string
  password: string
  expires_at: number
}

describe('relays that register at a portal', () => {
  let portal: PortalFixture
  let other: Awaited<ReturnType<PortalFixture['addAccount']>>
  let tokenId: string
  let token: string
  let clientToken: string
  const relays: StunServer[] = []
  const open: ControlPeer[] = []

  before(async () => {
    portal = await PortalFixture.start({ plugins: ['selector-random', 'relay-embedded'] })
    other = await portal.addAccount('other')
    const ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    clientToken = (await portal.create(`/actors/${ada.id}/client_tokens`)).token
  })
  after(async () => portal.stop())
  beforeEach(async () => {
    ;({ id: tokenId, token } = await portal.create('/relay_tokens', { name: 'Berlin' }))
  })
  afterEach(async () => {
    // A relay whose connection ends stays for a minute, one without a token does not.
    await portal.api('DELETE', `/tokens/${tokenId}`)
    for (const peer of open.splice(0)) {
      peer.close()
      await peer.closed
    }
    for (const relay of relays.splice(0)) await relay.stop()
  })

  /** Starts what answers as a relay does, on loopback; returns its port. */
  const answering = async (): Promise<string> => {
    const relay = new StunServer({
      listen: ['127.0.0.1'],
      port: 0,
      clock: createClock(),
      logger: new RecordingLogger(),
    })
    await relay.start()
    relays.push(relay)
    return String(relay.port)
  }
  const connect = async (query: Record<string, string>, by = token): Promise<ControlPeer> => {
    const peer = await ControlPeer.connectRelay({ url: portal.url, token: by, query })
    open.push(peer)
    return peer
  }
  /** Connects and joins as a relay on loopback. */
  const registers = async (port: string, more: { name?: string; secret?: string } = {}): Promise<ControlPeer> => {
    const { name = 'relay-1', secret = STAMP_SECRET } = more
    const peer = await connect({ name, ipv4: '127.0.0.1', ipv6: '', port })
    peer.send('phx_join', { stamp_secret: secret })
    await peer.next('init')
    return peer
  }
  const clientJoins = async () => {
    const joined = await ControlPeer.join({ url: portal.url, role: 'client', token: clientToken })
    open.push(joined.peer)
    return joined
  }
  const connected = (frame: PeerFrame): Entry[] => (frame.payload as { connected: Entry[] }).connected
  const presence = async (peer: ControlPeer, id?: string): Promise<Entry[]> =>
    connected(await peer.next('relays_presence', (frame) => connected(frame).some((each) => each.id !== id)))
  const gone = async (peer: ControlPeer, id: string): Promise<unknown> =>
    peer.next('relays_presence', ({ payload }) =>
      (payload as { disconnected_ids: string[] }).disconnected_ids.includes(id),
    )
  const listed = async (by?: string) => (await portal.api('GET', '/relays', undefined, by)).body.data
  /** Resolves with the relays in the API as soon as so many of them are offered. */
  const offered = async (count: number) => {
    for (;;) {
      const next = portal.logger.next(/a relay answers/)
      const shown = await listed()
      if (shown.filter(({ is_offered }: { is_offered: boolean }) => is_offered).length === count) return shown
      await next
    }
  }
  const refusal = async (query: Record<string, string>, by = token): Promise<ConnectRefused> =>
    connect(query, by).then(
      () => Promise.reject(new Error('was not refused')),
      (error: unknown) => (error as { cause: ConnectRefused }).cause,
    )

  it('H12 a relay joins as released relays do, and clients are told of it with credentials that it can check', async () => {
    const port = await answering()
    const { peer: client, init } = await clientJoins()
    expect(init.relays).to.deep.equal([])
    const { query } = example('http.connect.relay') as unknown as { query: Record<string, string> }
    const relay = await connect({ ...query, ipv4: '127.0.0.1', ipv6: '', port })
    relay.socket.send(JSON.stringify(example('frame.join.relay')))
    expect(await relay.next('phx_reply')).to.deep.include({ topic: 'relay', payload: { status: 'ok', response: {} } })
    expect(await relay.next('init')).to.deep.equal(example('relay.init'))
    await relay.settled()
    const [entry, ...others] = await presence(client)
    if (entry === undefined) throw new Error('no relay')
    expect(others).to.deep.equal([])
    expect(entry.addr).to.equal(`127.0.0.1:${port}`)
    const known = { publicKey: keyOf('client'), expiry: entry.expires_at, stampSecret: STAMP_SECRET }
    const { username, password } = entry
    expect(username.startsWith(`${stampedRelayCredentials(known).username}.`)).to.equal(true)
    expect(accountOfUsername({ username, stampSecret: STAMP_SECRET })).to.equal(portal.account.id)
    expect(password).to.equal(stampedRelayPassword({ username, stampSecret: STAMP_SECRET }))

    const [shown] = await listed()
    expect(shown).to.deep.include({
      id: entry.id,
      name: 'relay-1',
      provider: 'embedded',
      is_offered: true,
      problem: null,
    })
    expect(shown.account_id).to.equal(portal.account.id)
    expect(await listed(other.token)).to.deep.equal([])
    const metrics = await (await fetch(`${portal.url}/metrics`)).text()
    expect(metrics).to.include('portreeve_portal_relays{provider="embedded",state="offered"} 1')
    expect(JSON.stringify([shown, portal.logger.lines])).not.to.include(STAMP_SECRET)
  })

  it('a relay that has restarted with another secret takes the place of its older self, whose connection ends', async () => {
    const port = await answering()
    const first = await registers(port)
    const { peer: client, init } = await clientJoins()
    const [entry] = (init.relays as Entry[]).length > 0 ? (init.relays as Entry[]) : await presence(client)
    await registers(port, { secret: 'another-relay-stamp-secret' })
    expect((await first.closed).reason).to.equal('newer connection of the same relay')
    const [next] = await presence(client, entry?.id)
    expect(next?.id).not.to.equal(entry?.id)
    expect((await listed()).map(({ id }: Entry) => id)).to.deep.equal([next?.id])
  })

  it('two relays of one name are two relays', async () => {
    const both = await Promise.all([answering(), answering()])
    for (const [at, port] of both.entries()) await registers(port, { secret: `relay-${at}-with-a-stamp-secret` })
    expect((await offered(2)).map(({ name }: { name: string }) => name)).to.deep.equal(['relay-1', 'relay-1'])
  })

  it('a relay whose connection ends is offered on while it answers, and comes back as the same', async () => {
    const port = await answering()
    const relay = await registers(port)
    const [{ id, since }] = await offered(1)
    const ended = portal.logger.next(/relay’s connection ended/)
    relay.socket.terminate()
    await ended
    expect((await listed())[0]).to.include({ id, since, is_offered: true })
    await registers(port)
    expect((await listed())[0]).to.include({ id, since, is_offered: true })
  })

  it('P9 a revoked token ends a relay at once', async () => {
    const relay = await registers(await answering())
    const { peer: client, init } = await clientJoins()
    const [entry] = (init.relays as Entry[]).length > 0 ? (init.relays as Entry[]) : await presence(client)
    expect((await portal.api('DELETE', `/tokens/${tokenId}`)).status).to.equal(204)
    await relay.next('disconnect')
    await relay.closed
    await gone(client, entry?.id ?? '')
    expect(await listed()).to.deep.equal([])
    expect((await refusal({ ipv4: '127.0.0.1' })).body).to.include({ reason: 'token_revoked' })
  })

  it('a relay token that is made stands in the audit trail, without its secret', async () => {
    const { data } = (await portal.api('GET', `/audit_log?entity_id=${tokenId}`)).body
    expect(data).to.have.length(1)
    expect(data[0]).to.include({ action: 'created', entity: 'tokens', entity_id: tokenId })
    const secret = token.split('.').toSorted((a, b) => b.length - a.length)[0] ?? ''
    expect(secret).to.have.length.above(20)
    expect(JSON.stringify(data)).to.include('"relay"').and.include('[secret]').and.not.include(secret)
  })

  it('relay tokens are listed, and tokens of other kinds register no relay', async () => {
    const { data } = (await portal.api('GET', '/relay_tokens')).body
    expect(data.map(({ kind, name }: { kind: string; name: string }) => [kind, name])).to.deep.include([
      'relay',
      'Berlin',
    ])
    const { status, body } = await refusal({ ipv4: '127.0.0.1' }, clientToken)
    expect([status, body.code]).to.deep.equal([401, 'invalid_token'])
    expect(body).to.include({ detail: 'A relay token is needed here, but this is a client token' })
    expect((await refusal({ ipv4: '127.0.0.1' }, 'nonsense')).status).to.equal(401)
    const metrics = await (await fetch(`${portal.url}/metrics`)).text()
    expect(metrics).to.match(/portreeve_portal_relays_refused_total\{code="invalid_token"\} \d/)
  })

  it('H10 addresses that are nobody’s relay are refused, with words', async () => {
    for (const query of [
      { ipv4: '10.0.0.5' },
      { ipv4: '169.254.169.254' },
      { ipv6: 'fe80::1' },
      { ipv6: '::ffff:10.0.0.5' },
      { ipv6: '64:ff9b::a00:5' },
      { ipv4: '100.64.0.1' },
    ]) {
      const { status, body } = await refusal(query)
      expect([status, body.code], JSON.stringify(query)).to.deep.equal([400, 'invalid_connect_params'])
      expect((body as { detail?: string }).detail).to.include('private_networks')
    }
    for (const query of [
      {},
      { ipv4: 'relay.example.org' },
      { ipv4: '127.0.0.1', port: '0' },
      { ipv4: '127.0.0.1', port: '70000' },
      { ipv4: '127.0.0.1', websocket_url: 'javascript:alert(1)' },
    ]) {
      expect((await refusal(query)).status, JSON.stringify(query)).to.equal(400)
    }
  })

  it('H10 a stamp secret that can be guessed is refused, and the connection ends', async () => {
    for (const stamp_secret of [
      '',
      'short',
      'a'.repeat(64),
      'with spaces in it, and many',
      7,
      undefined,
      'x'.repeat(600),
    ]) {
      const relay = await connect({ name: 'guessed', ipv4: '127.0.0.1' })
      relay.send('phx_join', { stamp_secret })
      const { payload } = await relay.next('phx_reply')
      expect(payload).to.deep.equal({ status: 'error', response: { reason: 'invalid_stamp_secret' } })
      await relay.closed
    }
    expect(await listed()).to.deep.equal([])
  })

  it('a relay that floods is cut off, and one that connects too often is told to wait', async () => {
    const relay = await connect({ name: 'flood', ipv4: '127.0.0.1' })
    for (let at = 0; at < 200; at++) relay.socket.send('{}')
    expect((await relay.closed).reason).to.equal('too many messages')
    const answers: number[] = []
    for (let at = 0; at < 25; at++) {
      const status = await connect({ name: 'flood', ipv4: '127.0.0.1' }).then(
        (peer) => {
          peer.close()
          return 101
        },
        (error: unknown) => (error as { cause: ConnectRefused }).cause.status,
      )
      answers.push(status)
    }
    expect(answers.at(-1)).to.equal(503)
    expect(answers.filter((status) => status === 101).length).to.be.at.most(19 + 25 / SECOND)
  })
})
