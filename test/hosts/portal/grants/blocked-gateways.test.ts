import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { DIALECTS } from '../../../../core/control/events.ts'
import { SECOND } from '../../../../core/runtime/time.ts'
import { decisionsOf } from '../../../../hosts/portal/explain/decisions.ts'
import { explanationText } from '../../../../hosts/portal/explain/explanation-text.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'
import { ReleasedPeer } from '../../../kit/released-peer.ts'

const PROBLEM = { code: 'forward_drop', said: 'a firewall of this machine drops the packets of clients' }
const CANDIDATE = 'candidate:1 1 udp 2130706175 192.0.2.7 52625 typ host ufrag abcd'

describe('M4 a gateway that cannot forward any more', () => {
  let bench: PortalBench
  let company: Company
  let first: BenchPeer
  beforeEach(() => {
    bench = new PortalBench()
    company = new Company(bench)
    first = company.gatewayJoins(0)
  })

  const say = (gateway: BenchPeer, ...problems: (typeof PROBLEM)[]) => gateway.say('host_problems', { problems })
  const ask = (client: BenchPeer, connected: string[] = [], more: object = {}) =>
    client.say('request_authorization', {
      resource_id: company.resource.id,
      connected_gateway_ids: connected,
      ...more,
    })
  const acknowledge = (gateway: BenchPeer) => {
    for (const { event, payload } of gateway.heard()) {
      if (event === 'create_authorization') gateway.say('authorization_created', { ref: payload.ref })
    }
  }
  /** A client that the first gateway serves. */
  const served = (features: string[] = []) => {
    const client = company.clientJoins({}, features)
    ask(client)
    acknowledge(first)
    expect(client.events()).to.include('authorization_created')
    return client
  }
  /** Lets time pass in which these peers send heartbeats. */
  const pass = (seconds: number, ...peers: BenchPeer[]) => {
    for (let at = 0; at < seconds; at++) {
      for (const peer of peers) peer.say('heartbeat', {}, 'phoenix')
      bench.clock.advance(SECOND)
    }
  }
  const holders = () => [...bench.authorizations.values()].map(({ gatewayId }) => gatewayId)
  const explained = () => {
    const decisions = decisionsOf(bench.machine.knowledge, () => bench.clock.now())
    const { account, actor, resource } = company
    const verdict = decisions.explain({ accountId: account.id, actor: actor.id, resource: resource.id })
    if (!verdict.ok) throw new Error(verdict.unknown)
    return explanationText(verdict.explanation).join('\n')
  }

  it('M4 three seconds after a gateway reports a problem its clients lose their grants there, ask again and get the other gateway', () => {
    const client = served()
    const second = company.gatewayJoins(1)
    say(first, PROBLEM)
    bench.clock.advance(3 * SECOND - 1)
    expect(first.events()).not.to.include('reject_access')
    bench.clock.advance(1)
    expect(first.events()).to.include('reject_access')
    expect(bench.decisions.at(-1)?.details).to.deep.include({ cause: 'gateway_cannot_forward' })
    ask(client, [company.gateways[0].id])
    acknowledge(second)
    expect(client.heard().map(({ event, payload }) => [event, payload.gateway_id as string])).to.deep.include([
      'authorization_created',
      company.gateways[1].id,
    ])
    expect(holders()).to.deep.equal([company.gateways[1].id])
  })

  it('M4 where there is no other gateway nothing is taken away, an explanation names the problem, and a gateway that comes later takes over', () => {
    const client = served()
    say(first, PROBLEM)
    pass(60, client, first)
    expect(first.events()).not.to.include('reject_access')
    expect(holders()).to.deep.equal([company.gateways[0].id])
    expect(explained()).to.contain(`${company.gateways[0].name} is connected and cannot forward, so it is not chosen`)
    const other = company.gatewayJoins(1)
    say(other, PROBLEM)
    pass(15, client, first, other)
    expect(holders(), 'the other one cannot forward either').to.deep.equal([company.gateways[0].id])
    say(other)
    pass(10, client, first, other)
    expect(holders()).to.deep.equal([])
    expect(first.events()).to.include('reject_access')
  })

  it('M4 a client that is away, and one that has just reported the other gateway as unreachable, keep their grants', () => {
    const client = served(['unreachable_gateway_ids'])
    const second = company.gatewayJoins(1)
    ask(client, [company.gateways[0].id], { unreachable_gateway_ids: [company.gateways[1].id] })
    acknowledge(first)
    say(first, PROBLEM)
    pass(50, client, first, second)
    expect(holders()).to.deep.equal([company.gateways[0].id])
    client.leave()
    pass(60, first, second)
    expect(holders()).to.deep.equal([company.gateways[0].id])
    pass(10, company.clientJoins(), first, second)
    expect(holders(), 'it is back').to.deep.equal([])
  })

  it('M4 a problem that is over within three seconds moves nobody, and does not keep the gateway from new grants', () => {
    const client = served()
    const second = company.gatewayJoins(1)
    for (let round = 0; round < 5; round++) {
      say(first, PROBLEM)
      pass(2, client, first, second)
      say(first)
      pass(31, client, first, second)
    }
    expect(first.events()).not.to.include('reject_access')
    expect(holders()).to.deep.equal([company.gateways[0].id])
  })

  it('M4 a problem that comes and goes each second, for a minute, moves a client once', () => {
    const client = served()
    const second = company.gatewayJoins(1)
    let moves = 0
    for (let at = 0; at < 60; at++) {
      say(first, ...(at % 2 === 0 ? [PROBLEM] : []))
      pass(1, client, first, second)
      if (holders().length === 0) {
        moves++
        ask(client, [company.gateways[0].id])
        for (const each of [first, second]) acknowledge(each)
      }
      expect(holders()).to.have.length(1)
    }
    expect(moves).to.equal(1)
    expect(holders()).to.deep.equal([company.gateways[1].id])
    expect(bench.decisions.filter(({ reason }) => reason === 'withdrawn')).to.have.length(1)
    first.leave()
    first = company.gatewayJoins(0)
    ask(client, [company.gateways[0].id])
    expect(first.events(), 'not yet, also after it has joined anew').not.to.include('create_authorization')
    const passedOver = `${company.gateways[0].name} could not forward until a moment ago, so others are chosen before it`
    expect(explained()).to.contain(passedOver)
    say(first, PROBLEM)
    expect(explained(), 'one sentence about a gateway').not.to.contain(passedOver)
    say(first)
    expect(explained()).to.contain(passedOver)
    pass(31, client, first, second)
    expect(explained()).not.to.contain(passedOver)
    ask(client, [company.gateways[0].id])
    expect(first.events(), 'once it has been well for half a minute').to.include('create_authorization')
  })

  it('M4 a gateway that could not forward until a moment ago is chosen where there is no other', () => {
    const client = served()
    const second = company.gatewayJoins(1)
    say(first, PROBLEM)
    bench.clock.advance(4 * SECOND)
    say(first)
    second.leave()
    first.heard()
    ask(client)
    expect(first.events()).to.include('create_authorization')
  })

  for (const dialect of DIALECTS) {
    it(`H12 a released ${dialect} client of such a gateway is told to drop its candidates, and gets the other gateway`, () => {
      const { client, clientToken, gateways, resource } = company
      const as = { peerId: client.id, tokenId: clientToken.id }
      const laptop = ReleasedPeer.join({ bench, role: 'client', dialect, as, needsRelays: false })
      laptop.request(resource.id)
      acknowledge(first)
      first.say('broadcast_ice_candidates', { client_ids: [client.id], candidates: [CANDIDATE] })
      const second = company.gatewayJoins(1)
      say(first, PROBLEM)
      bench.clock.advance(3 * SECOND)
      expect(first.events()).to.include('reject_access')
      expect(laptop.take('invalidate_ice_candidates').map(({ payload }) => payload)).to.deep.equal([
        { gateway_id: gateways[0].id, candidates: [CANDIDATE] },
      ])
      laptop.request(resource.id, [gateways[0].id])
      acknowledge(second)
      expect(holders()).to.deep.equal([gateways[1].id])
    })
  }

  it('M4 a gateway cannot write lines of its own into an explanation by what it says of a problem', () => {
    say(first, { code: 'forward_drop', said: 'a firewall\nAccess is granted.\u001b[1A' })
    const lines = explained().split('\n')
    expect(lines).not.to.include('Access is granted.')
    expect(lines.join('')).to.contain('a firewall Access is granted. [1A (forward_drop).')
  })

  it('M4 the portal counts connected gateways by the codes of their problems, with at most 64 codes and a remainder', () => {
    expect(bench.machine.gatewayProblems()).to.deep.equal({})
    const second = company.gatewayJoins(1)
    say(first, PROBLEM, { ...PROBLEM, said: 'the same in the other family' })
    say(second, PROBLEM, { ...PROBLEM, code: 'contested' })
    expect(bench.machine.gatewayProblems()).to.deep.equal({ forward_drop: 2, contested: 1 })
    first.leave()
    say(second)
    expect(bench.machine.gatewayProblems()).to.deep.equal({ forward_drop: 0, contested: 0 })
    for (let code = 0; code < 100; code++) {
      say(second, { ...PROBLEM, code: `made_up_${code}` })
      bench.machine.gatewayProblems()
    }
    const counts = bench.machine.gatewayProblems()
    expect(Object.keys(counts)).to.have.length(65)
    expect(counts.other).to.equal(1)
  })
})
