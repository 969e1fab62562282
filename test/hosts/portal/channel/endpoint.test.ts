import { expect } from 'chai'
import { connect } from 'node:net'
import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import { DIALECTS } from '../../../../core/control/events.ts'
import { ControlPeer, keyOf, type ConnectRefused, type PeerOptions } from '../../../kit/control-peer.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'
import { example } from '../../../core/control/examples.ts'
import { PATIENCE_MS } from '../../../kit/patience.ts'

describe('the control channel', () => {
  let portal: PortalFixture
  let site: { id: string }
  let group: { id: string }
  let ada: { id: string }
  let resource: { id: string }
  let policy: { id: string }
  let clientToken: string
  let gatewayToken: string
  const open: ControlPeer[] = []

  before(async () => {
    portal = await PortalFixture.start()
    site = await portal.create('/sites', { name: 'Main' })
    group = await portal.create('/groups', { name: 'Staff' })
    ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [ada.id] })
    resource = await portal.create('/resources', {
      name: 'Wiki',
      type: 'dns',
      address: 'wiki.example.org',
      site_id: site.id,
      filters: [{ protocol: 'tcp', ports: ['443', '8000-8100'] }],
    })
    gatewayToken = (await portal.create(`/sites/${site.id}/gateway_tokens`)).token
  })
  after(async () => portal.stop())

  beforeEach(async () => {
    clientToken = (await portal.create(`/actors/${ada.id}/client_tokens`, { name: 'laptop' })).token
    policy = await portal.create('/policies', { group_id: group.id, resource_id: resource.id })
  })
  afterEach(async () => {
    for (const peer of open.splice(0)) {
      peer.close()
      await peer.closed
    }
    await portal.api('DELETE', `/policies/${policy.id}`)
  })

  const join = async (options: Pick<PeerOptions, 'role'> & Partial<PeerOptions>) => {
    const token = options.role === 'client' ? clientToken : gatewayToken
    const joined = await ControlPeer.join({ url: portal.url, token, ...options })
    open.push(joined.peer)
    return joined
  }

  const refusal = async (options: Partial<PeerOptions>): Promise<ConnectRefused> => {
    try {
      open.push(await ControlPeer.connect({ url: portal.url, role: 'client', token: clientToken, ...options }))
    } catch (error) {
      return (error as { cause: ConnectRefused }).cause
    }
    throw new Error('was not refused')
  }

  /** Makes a client with an authorization at a gateway. */
  const authorised = async () => {
    const { peer: gateway } = await join({ role: 'gateway' })
    const { peer: client } = await join({ role: 'client' })
    client.send('request_authorization', { resource_id: resource.id, connected_gateway_ids: [] })
    const create = await gateway.next('create_authorization')
    gateway.send('authorization_created', { ref: create.payload.ref })
    const created = await client.next('authorization_created')
    return { gateway, client, create, created }
  }

  it('the control channel lets a client in, answers its join and tells it its resources', async () => {
    const peer = await ControlPeer.connect({ url: portal.url, role: 'client', token: clientToken })
    open.push(peer)
    peer.socket.send(JSON.stringify(example('frame.join.client')))
    expect(await peer.next('phx_reply')).to.deep.equal(example('frame.reply-ok'))
    const init = await peer.next('init')
    expect(init).to.include({ topic: 'client', ref: null })
    expect(init.payload.interface.ipv4).to.match(/^100\.(6[4-9]|[78]\d|9[0-5])\./)
    expect(init.payload.flow_logs).to.deep.equal({ api_url: portal.url, upload_interval_secs: 0, upload_batch_size: 0 })
    expect(init.payload.resources).to.deep.equal([
      {
        id: resource.id,
        type: 'dns',
        name: 'Wiki',
        address: 'wiki.example.org',
        address_description: null,
        sites: [{ id: site.id, name: 'Main' }],
        filters: [
          { protocol: 'tcp', port_range_start: 443, port_range_end: 443 },
          { protocol: 'tcp', port_range_start: 8000, port_range_end: 8100 },
        ],
        ip_stack: 'dual',
      },
    ])
  })

  it('H12 the control channel has the paths of both dialects, also below a prefix, and a peer keeps to its own', async () => {
    for (const url of [portal.url, `${portal.url}/some/prefix`]) {
      for (const dialect of DIALECTS) {
        const { peer: gateway } = await join({ role: 'gateway', url, dialect, externalId: `${dialect} gateway` })
        const { peer: client } = await join({ role: 'client', url, dialect, externalId: `${dialect} client` })
        client.send(dialect === 'v2' ? 'request_authorization' : 'create_flow', {
          resource_id: resource.id,
          connected_gateway_ids: [],
        })
        const { payload } = await gateway.next(dialect === 'v2' ? 'create_authorization' : 'authorize_flow')
        gateway.send(dialect === 'v2' ? 'authorization_created' : 'flow_authorized', { ref: payload.ref })
        await client.next(dialect === 'v2' ? 'authorization_created' : 'flow_created')
        for (const peer of [gateway, client]) {
          peer.close()
          await peer.closed
        }
      }
    }
    for (const dialect of DIALECTS) {
      const path = `/client/${dialect === 'v2' ? 'v2/' : ''}websocket`
      expect((await fetch(`${portal.url}${path}`)).status, path).to.equal(426)
    }
    expect((await fetch(`${portal.url}/client/v1/websocket`)).status).to.equal(404)
  })

  it('D12 the control channel tells clients of all upstream resolvers if they know them, and else of those that the released wire carries', async () => {
    const corp = { type: 'udp', settings: { address: '192.0.2.1' }, match: ['corp.example'] }
    const upstream_resolvers = [
      { type: 'tls', settings: { address: '2001:db8::53', server_name: 'dns.example.org' } },
      corp,
      { type: 'https', settings: { url: 'https://dns.example.org/dns-query' } },
      { type: 'udp', settings: { address: '192.0.2.53' } },
    ]
    await portal.api('PATCH', '/account', { upstream_resolvers })
    const { peer, init } = await join({ role: 'client' })
    const released = {
      upstream_do53: [{ ip: '192.0.2.53' }],
      upstream_doh: [{ url: 'https://dns.example.org/dns-query' }],
      upstream_dns: [{ protocol: 'ip_port', address: '192.0.2.53:53' }],
    }
    expect(init.interface).to.deep.include(released)
    expect(init.interface).not.to.have.property('upstream_resolvers')
    peer.send('set_capabilities', { features: ['upstream_resolvers'] })
    const { payload } = await peer.next('config_changed')
    expect(payload.interface).to.deep.include({ ...released, upstream_resolvers })
    await portal.api('PATCH', '/account', { upstream_resolvers: [corp] })
    const none = { upstream_do53: [], upstream_doh: [], upstream_dns: [], upstream_resolvers: [corp] }
    expect((await peer.next('config_changed')).payload.interface).to.deep.include(none)
    await portal.api('PATCH', '/account', { upstream_resolvers: [] })
    expect((await peer.next('config_changed')).payload.interface).to.deep.include({ upstream_resolvers: [] })
  })

  it('the control channel answers heartbeats, reports what it does not understand, and stays open', async () => {
    const { peer } = await join({ role: 'client' })
    peer.socket.send(JSON.stringify(example('frame.heartbeat')))
    expect(await peer.next('phx_reply', ({ ref }) => ref === 3)).to.deep.equal(example('frame.heartbeat-reply'))
    peer.socket.send(JSON.stringify({ topic: 'client', event: 'future', payload: {}, ref: 9 }))
    expect((await peer.next('phx_reply', ({ ref }) => ref === 9)).payload).to.deep.equal(
      example('frame.reply-unknown-message').payload,
    )
    for (const text of ['', '[', '[]', 'null', '{"topic":1}', '{"topic":"client","event":"no_relays","ref":"1"}'])
      peer.socket.send(text)
    peer.socket.send(Buffer.from([0, 1, 2]))
    await peer.settled()
  })

  it('the control channel tells a peer to join that sends messages before it has', async () => {
    const peer = await ControlPeer.connect({ url: portal.url, role: 'client', token: clientToken })
    open.push(peer)
    peer.send('no_relays', {})
    expect((await peer.next('phx_reply')).payload).to.deep.equal(example('frame.reply-unmatched-topic').payload)
  })

  it('the control channel refuses with the codes that peers know, head and body in one piece', async () => {
    const { status, headers, body } = await refusal({ token: `.${'A'.repeat(86)}.${'A'.repeat(43)}` })
    const wanted = example('http.refused.invalid_token') as unknown as ConnectRefused
    expect({ status, body }).to.deep.equal({ status: wanted.status, body: wanted.body })
    expect(headers['content-type']).to.equal('application/problem+json; charset=utf-8')
    expect(await refusal({ headers: { 'X-Authorization': '' } })).to.have.nested.property('body.code', 'missing_token')
    expect(await refusal({ token: gatewayToken })).to.deep.include({ status: 401 })
    expect((await refusal({ publicKey: 'short' })).body).to.include({ status: 400, code: 'invalid_connect_params' })
    expect((await refusal({ externalId: 'x'.repeat(256) })).body).to.include({ code: 'invalid_connect_params' })
    await portal.api('PATCH', `/actors/${ada.id}`, { is_disabled: true })
    expect((await refusal({})).body).to.include({ status: 403, code: 'unauthenticated' })
    await portal.api('PATCH', `/actors/${ada.id}`, { is_disabled: false })
  })

  it('the control channel takes the token from the query too', async () => {
    const peer = await ControlPeer.connect({
      url: portal.url,
      role: 'client',
      token: '',
      headers: { 'X-Authorization': '' },
    }).catch(() => undefined)
    expect(peer).to.equal(undefined)
    const { hostname, port } = new URL(portal.url)
    const query = new URLSearchParams({ token: clientToken, external_id: 'q', public_key: keyOf('q') }).toString()
    const answer = await exchange(
      Number(port),
      hostname,
      `GET /some/prefix/client/v2/websocket?${query} HTTP/1.1\r\nHost: example.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    )
    expect(answer).to.match(/^HTTP\/1\.1 101 /)
  })

  it('the control channel says why a token is refused: revoked, of another kind, of somebody disabled; malformed without a reason', async () => {
    const lost = await portal.create(`/actors/${ada.id}/client_tokens`, { name: 'lost' })
    await portal.api('DELETE', `/tokens/${lost.id}`)
    const revoked = (await refusal({ token: lost.token })).body
    expect(revoked).to.include({ status: 401, code: 'invalid_token', reason: 'token_revoked' })
    const api = (await portal.create(`/actors/${portal.admin.id}/api_tokens`, { name: 'script' })).token
    const details = [
      [{ token: gatewayToken }, 'A client token is needed here, but this is a gateway token'],
      [{ token: api }, 'A client token is needed here, but this is an API token'],
      [{ role: 'gateway', token: clientToken }, 'A gateway token is needed here, but this is a client token'],
    ] as const
    for (const [with_, detail] of details) {
      const { body } = await refusal(with_)
      expect(body).to.include({ status: 401, code: 'invalid_token', reason: 'token_wrong_kind', detail })
    }
    expect((await refusal({ token: `${lost.token.slice(0, -1)}_` })).body).to.not.have.property('reason')
  })

  it('the control channel answers an upgrade to another path, and one that is broken, without a fuss', async () => {
    const { hostname, port } = new URL(portal.url)
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
    const ask = (head: string) => exchange(Number(port), hostname, `${head}\r\nHost: x\r\n${upgrade}\r\n`)
    expect(await ask('GET /relay/v2/websocket HTTP/1.1')).to.match(/^HTTP\/1\.1 404 /)
    expect(await ask('GET /client/v1/websocket HTTP/1.1')).to.match(/^HTTP\/1\.1 404 /)
    expect(await ask('GET /client/websocket HTTP/1.1')).to.match(/"code":"missing_token"/)
    expect(await ask(`GET /client/v2/websocket?token=${'x'.repeat(5000)} HTTP/1.1`)).to.match(/^HTTP\/1\.1 400 /)
    expect(await ask('GET /client/v2/websocket HTTP/1.1')).to.match(/"code":"missing_token"/)
    expect(await ask('GET /client/v2/websocket?token=%ff%fe HTTP/1.1')).to.match(/"code":"invalid_/)
  })

  it('the control channel refuses a second gateway of the same identity while the first is there, and not afterwards', async () => {
    const { peer } = await join({ role: 'gateway' })
    const second = { role: 'gateway' as const, token: gatewayToken }
    const refused = await refusal({ ...second, publicKey: keyOf('thief') })
    expect(refused.body).to.include({ status: 409, code: 'gateway_already_connected', reason: 'already_connected' })
    expect(refused.headers['retry-after']).to.equal('5')
    await peer.settled()
    peer.close()
    await peer.closed
    await eventually(async () => {
      const { body } = await portal.api('GET', '/gateways')
      return body.data.every((gateway: { is_connected: boolean }) => !gateway.is_connected)
    })
    await join(second)
  })

  it('the control channel refuses a device that comes with the key of another', async () => {
    await join({ role: 'client', externalId: 'one', publicKey: keyOf('one') })
    expect((await refusal({ externalId: 'two', publicKey: keyOf('one') })).body).to.include({
      status: 409,
      code: 'device_identity_conflict',
    })
  })

  it('an authorization is set up at both ends, which agree in everything, and candidates are passed on', async () => {
    const { gateway, client, create, created } = await authorised()
    expect(create.payload.resource).to.deep.equal({
      id: resource.id,
      type: 'dns',
      name: 'Wiki',
      address: 'wiki.example.org',
      filters: [
        { protocol: 'tcp', port_range_start: 443, port_range_end: 443 },
        { protocol: 'tcp', port_range_start: 8000, port_range_end: 8100 },
      ],
    })
    expect(Object.keys(create.payload)).to.have.members(
      Object.keys(example('gateway.create_authorization').payload as object),
    )
    expect(Object.keys(created.payload)).to.have.members(
      Object.keys(example('client.authorization_created').payload as object),
    )
    expect(created.payload.preshared_key).to.equal(create.payload.client.preshared_key)
    expect(created.payload.client_ice_credentials).to.deep.equal(create.payload.client_ice_credentials)
    expect(created.payload.gateway_ice_credentials).to.deep.equal(create.payload.gateway_ice_credentials)
    expect(created.payload).to.include({
      resource_id: resource.id,
      gateway_public_key: keyOf('gateway'),
      use_iceless: false,
    })
    expect(create.payload.client.public_key).to.equal(keyOf('client'))
    expect(create.payload.subject).to.include({ actor_id: ada.id, actor_email: 'ada@example.org', ip: '127.0.0.1' })

    const gatewayId = created.payload.gateway_id as string
    const { candidates } = example('client.ice_candidates').payload as { candidates: string[] }
    client.send('new_gateway_ice_candidates', { gateway_id: gatewayId, candidates })
    expect((await gateway.next('ice_candidates')).payload).to.deep.equal({
      client_id: create.payload.client.id,
      candidates,
    })
    gateway.send('broadcast_ice_candidates', { client_ids: [create.payload.client.id], candidates })
    expect((await client.next('ice_candidates')).payload).to.deep.equal({ gateway_id: gatewayId, candidates })
    gateway.send('broadcast_invalidated_ice_candidates', { client_ids: [create.payload.client.id], candidates })
    expect((await client.next('invalidate_ice_candidates')).payload).to.deep.equal({
      gateway_id: gatewayId,
      candidates,
    })
  })

  it('the portal writes down its decisions, with the reasons', async () => {
    const { created } = await authorised()
    await eventually(async () => (await portal.api('GET', '/authorizations')).body.data.length > 0)
    const { body } = await portal.api('GET', '/audit_log?limit=20')
    const decision = body.data.find(
      ({ kind, action }: Record<string, string>) => kind === 'decision' && action === 'granted',
    )
    expect(decision.details).to.include({
      verdict: 'granted',
      gateway_id: created.payload.gateway_id,
      policy_id: policy.id,
    })
    expect(decision.details.details.policies[0]).to.include({ policy_id: policy.id, outcome: 'conforms' })
    expect(decision.details.details.selection.reason).to.equal('one of 1, drawn at random')
  })

  it('P6 access is withdrawn at the gateway in under a second when a policy goes, and the client loses the resource', async () => {
    const { gateway, client, create } = await authorised()
    gateway.send('set_capabilities', { features: ['acknowledged_reject_access'] })
    await gateway.settled()
    const begun = Date.now()
    await portal.api('PATCH', `/policies/${policy.id}`, { is_disabled: true })
    const reject = await gateway.next('reject_access')
    expect(Date.now() - begun).to.be.lessThan(5_000)
    expect(reject.payload).to.include({ client_id: create.payload.client.id, resource_id: resource.id })
    gateway.send('access_rejected', { ref: reject.payload.ref })
    expect((await client.next('resource_deleted')).payload).to.equal(resource.id)
    await eventually(async () => (await portal.api('GET', '/authorizations')).body.data.length === 0)
    await portal.api('PATCH', `/policies/${policy.id}`, { is_disabled: false })
    expect((await client.next('resource_created_or_updated')).payload.id).to.equal(resource.id)
  })

  it('P6 a peer whose token is revoked is signed out', async () => {
    const made = await portal.create(`/actors/${ada.id}/client_tokens`, { name: 'lost' })
    const { peer } = await join({ role: 'client', token: made.token, externalId: 'lost', publicKey: keyOf('lost') })
    await portal.api('DELETE', `/tokens/${made.id}`)
    expect(await peer.next('disconnect')).to.deep.equal(example('frame.disconnect'))
    await peer.closed
    expect((await refusal({ token: made.token })).body).to.include({ status: 401, code: 'invalid_token' })
  })

  it('authorizations stay over a restart of the portal, and those that ended meanwhile do not', async () => {
    const { gateway, client, create } = await authorised()
    await eventually(async () => (await portal.api('GET', '/authorizations')).body.data.length === 1)
    await portal.restart()
    await Promise.all([gateway.closed, client.closed])
    const { peer: again, init } = await join({ role: 'gateway' })
    expect(init.authorizations).to.deep.equal([
      { client_id: create.payload.client.id, resource_id: resource.id, expires_at: 4_102_444_800 },
    ])
    again.close()
    await again.closed
    await eventually(async () => (await portal.api('GET', '/gateways')).body.data[0].is_connected === false)
    await portal.api('PATCH', `/policies/${policy.id}`, { is_disabled: true })
    await portal.restart()
    const { peer, init: later } = await join({ role: 'gateway' })
    expect(later.authorizations).to.deep.equal([])
    await peer.settled()
    await portal.api('PATCH', `/policies/${policy.id}`, { is_disabled: false })
  })

  it('an account that was made while the portal was running is served', async () => {
    const other = await portal.addAccount('later')
    const by = (method: string, path: string, body?: unknown) => portal.api(method, path, body, other.token)
    const { body } = await by('POST', `/actors/${other.admin.id}/client_tokens`, { name: 'laptop' })
    const { init } = await join({ role: 'client', token: body.token, externalId: 'later', publicKey: keyOf('later') })
    expect(init.resources).to.deep.equal([])
  })

  it('too many connects of one address without a token are told to try again later, and an office there is not', async () => {
    const busy = await PortalFixture.start({ config: { rate_limit: { burst: 20, per_second: 0.001 } } })
    const answers: ConnectRefused[] = []
    for (let attempt = 0; attempt < 25; attempt++) answers.push(await refusal({ url: busy.url, token: 'x.x.x' }))
    expect(answers[0]?.status).to.equal(401)
    const last = answers.at(-1)
    expect(last).to.deep.include({ status: 503 })
    expect(last?.body.code).to.equal('rate_limit')
    expect(Number(last?.headers['retry-after'])).to.be.greaterThan(0)
    const { id } = await busy.create('/actors', { name: 'Ada' })
    const { token } = await busy.create(`/actors/${id}/client_tokens`, { name: 'laptops' })
    const office = Array.from({ length: 40 }, async (_, at) =>
      ControlPeer.join({
        url: busy.url,
        role: 'client',
        token,
        externalId: `laptop ${at}`,
        publicKey: keyOf(`laptop ${at}`),
      }),
    )
    for (const { peer } of await Promise.all(office)) peer.close()
    await busy.api('DELETE', `/actors/${id}`)
    const revoked = await Promise.all(Array.from({ length: 5 }, async () => refusal({ url: busy.url, token })))
    expect(
      revoked.map(({ body }) => body.code),
      'a token that is revoked is none',
    ).to.include('rate_limit')
    await busy.stop()
  })

  it('a peer that sends a frame beyond the limit is cut off', async () => {
    const { peer } = await join({ role: 'client' })
    peer.socket.send('x'.repeat(70_000))
    expect((await peer.closed).code).to.equal(1009)
  })
})

/** Sends bytes and returns the answer as text, once the other end has closed or upgraded. */
const exchange = (port: number, host: string, request: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(port, host, () => socket.write(request))
    socket.on('data', (part) => {
      text += part.toString('utf8')
      if (text.startsWith('HTTP/1.1 101')) socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })

/** Waits for a condition that holds soon, in another turn of the event loop. */
const eventually = async (check: () => Promise<boolean>): Promise<void> => {
  const end = Date.now() + PATIENCE_MS
  while (!(await check())) {
    if (Date.now() > end) throw new Error('did not happen in time')
    await new Promise((resolve) => setImmediate(resolve))
  }
}
