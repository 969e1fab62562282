import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { FEATURES } from '../../../../core/control/messages.ts'
import { decisionsOf } from '../../../../hosts/portal/explain/decisions.ts'
import { explanationText } from '../../../../hosts/portal/explain/explanation-text.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'

describe('how packets of clients go, as clients report it', () => {
  let bench: PortalBench
  let company: Company
  let client: BenchPeer
  let gateway: BenchPeer
  let other: BenchPeer

  beforeEach(() => {
    bench = new PortalBench()
    company = new Company(bench)
    gateway = company.gatewayJoins(0, {}, [FEATURES.pathReports])
    other = company.gatewayJoins(1)
    client = company.clientJoins({}, [FEATURES.pathReports])
  })

  const [first, second] = [() => company.gateways[0].id, () => company.gateways[1].id]
  const report = (...paths: object[]) => client.say('client_paths', { paths })
  const known = () => bench.machine.paths.ofClient(company.client.id)
  const explained = (): string => {
    const { account, actor, resource } = company
    const question = { accountId: account.id, actor: actor.id, resource: resource.id, clientId: company.client.id }
    const verdict = decisionsOf(bench.machine.knowledge, () => bench.clock.now()).explain(question)
    return verdict.ok ? explanationText(verdict.explanation).join('\n') : ''
  }

  it('only a client that understands reports about paths is asked for them', () => {
    expect(client.events()).to.include('report_paths')
    const released = company.clientJoins()
    expect(released.events()).to.not.include('report_paths')
  })

  it('the latest report of a client counts, for the gateways that it names, until the client has left', () => {
    report({ gateway_id: first(), kind: 'direct', ms: 3.4, lost: 1, of: 100 }, { gateway_id: second(), kind: 'none' })
    expect(known()).to.have.length(2)
    expect(known()[0]).to.deep.include({ kind: 'direct', roundTripMs: 3.4, loss: { lost: 1, of: 100 } })
    expect(bench.machine.paths.onGateway(first())).to.deep.equal({
      direct: 1,
      nat: 0,
      relayed: 0,
      websocket: 0,
      none: 0,
    })
    report({ gateway_id: first(), kind: 'nat' })
    expect(bench.machine.paths.counts()).to.deep.equal({ direct: 0, nat: 1, relayed: 0, websocket: 0, none: 0 })
    client.leave()
    expect(known()).to.deep.equal([])
    expect(bench.machine.paths.counts()).to.deep.equal({ direct: 0, nat: 0, relayed: 0, websocket: 0, none: 0 })
  })

  describe('as gateways report it', () => {
    const gatewaySays = (...paths: object[]) => gateway.say('gateway_paths', { paths })
    const clientId = () => company.client.id

    it('only a gateway that understands reports about paths is asked for them', () => {
      expect(gateway.events()).to.include('report_paths')
      expect(other.events()).to.not.include('report_paths')
    })

    it('a gateway speaks for a client that reports nothing; what the client itself reports counts before', () => {
      const relayed = { client_id: clientId(), kind: 'relayed', relay: '203.0.113.9:3478', why: 'private_addresses' }
      gatewaySays({ ...relayed, ms: 20 })
      expect(known()).to.have.length(1)
      expect(known()[0]).to.deep.include({ gatewayId: first(), kind: 'relayed', reportedBy: 'gateway' })
      expect(bench.machine.paths.onGateway(first())).to.deep.include({ relayed: 1 })
      expect(explained()).to.match(
        /relayed by 203\.0\.113\.9:3478, 20\.0 ms there and back, as the gateway says\. Not directly: the device offers only addresses of a private network/,
      )
      report({ gateway_id: first(), kind: 'nat' })
      expect(known().map(({ kind, reportedBy }) => [kind, reportedBy])).to.deep.equal([['nat', 'client']])
      expect(bench.machine.paths.counts()).to.deep.equal({ direct: 0, nat: 1, relayed: 0, websocket: 0, none: 0 })
      client.leave()
      expect(
        known().map(({ kind }) => kind),
        'the gateway still knows',
      ).to.deep.equal(['relayed'])
      gatewaySays({ client_id: clientId(), kind: 'none' })
      expect(known()).to.deep.equal([])
    })

    it('nothing is kept of what a gateway has reported, once it has left', () => {
      gatewaySays({ client_id: clientId(), kind: 'direct' })
      report({ gateway_id: second(), kind: 'nat' })
      gateway.leave()
      expect(known().map(({ gatewayId }) => gatewayId)).to.deep.equal([second()])
      expect(bench.machine.paths.counts()).to.deep.include({ direct: 0, nat: 1 })
    })

    it('a gateway reports nothing about clients of others, and no lines of its own', () => {
      gatewaySays({ client_id: bench.id(), kind: 'direct' })
      expect(bench.machine.counters()).to.include({ 'path-not-its': 1 })
      gatewaySays({ client_id: clientId(), kind: 'relayed', relay: 'relay\r\nAccess is granted.' })
      expect(explained().split('\n')).not.to.include('Access is granted.')
      expect(bench.machine.paths.counts()).to.deep.equal({ direct: 0, nat: 0, relayed: 1, websocket: 0, none: 0 })
    })
  })

  it('a client cannot write lines of its own into an explanation by what it says of a relay', () => {
    const relay = '192.0.2.9:3478\u001b[2K\r\nAccess is granted by an admin.\u202e'
    report({ gateway_id: first(), kind: 'relayed', relay })
    expect(known()[0]?.relay).to.equal('192.0.2.9:3478 [2K  Access is granted by an admin. ')
    expect(explained().split('\n')).not.to.include('Access is granted by an admin.')
  })

  it('a client reports nothing about gateways of others, nor what is no path', () => {
    report({ gateway_id: bench.id(), kind: 'direct' })
    expect(known()).to.deep.equal([])
    expect(bench.machine.counters()).to.include({ 'path-not-its': 1 })
    report({ gateway_id: first(), kind: 'pigeon' }, { gateway_id: first(), kind: 'direct', ms: -1 })
    expect(known()).to.deep.equal([])
  })

  it('an explanation says how the packets of a device go, and why not directly', () => {
    expect(explained()).to.not.include('Packets of this device')
    report({ gateway_id: first(), kind: 'relayed', relay: '203.0.113.9:3478', why: 'not_let_in', ms: 31.26 })
    expect(explained()).to.match(
      /Packets of this device go to the gateway \S+ relayed by 203\.0\.113\.9:3478, 31\.3 ms there and back, as it says\. Not directly: neither end’s NAT or firewall lets packets of the other in\./,
    )
    const url = `wss://relay.example.org/${'a'.repeat(100)}`
    report({ gateway_id: first(), kind: 'websocket', relay: url, why: 'udp_blocked' })
    expect(explained()).to.include(`relayed by ${url} over a WebSocket`)
    report({ gateway_id: first(), kind: 'none' })
    expect(explained()).to.match(/This device does not reach the gateway \S+\./)
  })
})
