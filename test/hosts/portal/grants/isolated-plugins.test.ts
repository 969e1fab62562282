import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { Facts, type Fact } from '../../../../core/contract/facts.ts'
import type { IsolatedAnswer, IsolatedQuestion } from '../../../../core/plugin/isolated-question.ts'
import { MINUTE, SECOND } from '../../../../core/runtime/time.ts'
import { heardDecisions } from '../../../../hosts/portal/explain/heard-decisions.ts'
import { RandomSelector } from '../../../../plugins/selector-random/random-selector.ts'
import { condition } from '../../../kit/extensions.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

const never = (): never => {
  throw new Error('it is asked in its thread only')
}
const slow = condition<unknown, { address: Fact<string> }>({ evaluate: never }, { address: Facts.client.address })
const here = condition<{ holds: boolean }>({ evaluate: ({ settings: { holds } }) => ({ holds, reason: 'here' }) })

const holds = () => ({ holds: true, reason: 'in its thread' })
const fails = () => ({ holds: false, reason: 'in its thread' })
const addressIn = ({ about }: IsolatedQuestion): unknown =>
  (about as { facts: { address: Fact<string> } }).facts.address.value

describe('decisions that plugins in threads of their own take part in', () => {
  let bench: PortalBench
  let company: Company
  let gateway: BenchPeer
  let client: BenchPeer

  const isolated = [{ condition: 'slow', settings: { a: 1 } }]
  const makeBench = (of: { clock?: PortalBench['clock'] } = {}): PortalBench =>
    new PortalBench({
      conditions: { slow, here },
      selectors: { random: new RandomSelector({ random: new SeededRandom(3) }), far: { select: never } },
      isolated: ['slow', 'far'],
      ...of,
    })

  beforeEach(() => {
    bench = makeBench()
    company = new Company(bench)
    bench.patch('policies', company.policy, { conditions: isolated })
    gateway = company.gatewayJoins()
    client = company.clientJoins()
    gateway.heard()
    client.heard()
  })

  const ask = () => client.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [] })
  const acknowledge = () => {
    const creates = gateway.heard().filter(({ event }) => event === 'create_authorization')
    for (const { payload } of creates) gateway.say('authorization_created', { ref: payload.ref })
    return creates.length
  }
  const grant = () => {
    ask()
    bench.answer(holds)
    expect(acknowledge()).to.equal(1)
    client.heard()
    expect(bench.authorizations.size).to.equal(1)
  }
  const refusals = () => client.heard().filter(({ event }) => event === 'authorization_creation_failed')

  it('a request waits for the answer, is asked about once however often it is repeated, and is granted with it', () => {
    ask()
    ask()
    expect(bench.asked.flatMap(({ questions }) => questions)).to.have.length(1)
    expect(gateway.heard()).to.deep.equal([])
    const [question] = bench.asked[0]?.questions ?? []
    expect(question).to.deep.include({ point: 'policy-conditions', key: 'slow', settings: { a: 1 } })
    bench.answer(holds)
    expect(acknowledge()).to.equal(1)
    expect(client.events()).to.include('authorization_created')
    const [decision] = bench.decisions
    expect(JSON.stringify(decision?.details)).to.include('in its thread')
  })

  it('a request is refused with the reason of the isolated condition, or of its failure', () => {
    ask()
    bench.answer(fails)
    expect(refusals()).to.have.length(1)
    expect(JSON.stringify(bench.decisions)).to.include('in its thread')
    ask()
    const [asked] = bench.asked.splice(0)
    const late: IsolatedAnswer = { failure: new Error('it is late'), outcome: 'slow', seconds: 1 }
    bench.dispatch({ type: 'isolatedAnswered', id: asked?.id ?? 0, answers: [late] })
    expect(refusals()).to.have.length(1)
    expect(gateway.heard()).to.deep.equal([])
  })

  it('a request is refused if nobody ever answers', () => {
    ask()
    bench.clock.advance(4 * SECOND)
    expect(refusals()).to.have.length(1)
    bench.answer(holds)
    expect(gateway.heard()).to.deep.equal([])
  })

  it('a verdict on facts that have changed meanwhile grants nothing: the condition is asked about the new ones', () => {
    bench.patch('resources', company.resource, { name: 'Other' })
    const named = condition<unknown, { name: Fact<string> }>(
      { evaluate: never },
      {
        name: Facts.resource.name,
      },
    )
    bench = new PortalBench({ conditions: { slow: named }, selectors: {}, isolated: ['slow'] })
    company = new Company(bench)
    bench.patch('policies', company.policy, { conditions: isolated })
    gateway = company.gatewayJoins()
    client = company.clientJoins()
    gateway.heard()
    ask()
    bench.patch('resources', company.resource, { name: 'Renamed' })
    bench.answer(holds)
    expect(gateway.events()).not.to.include('create_authorization')
    bench.answer(({ about }) => (JSON.stringify(about).includes('Renamed') ? fails() : holds()))
    expect(gateway.events()).not.to.include('create_authorization')
    expect(refusals()).to.have.length(1)
  })

  it('a verdict under a policy that has changed meanwhile grants nothing', () => {
    ask()
    bench.patch('policies', company.policy, {
      conditions: [...isolated, { condition: 'here', settings: { holds: false } }],
    })
    bench.answer(holds)
    bench.answer(holds)
    expect(gateway.events()).not.to.include('create_authorization')
    expect(refusals()).to.have.length(1)
    ask()
    bench.remove(['policies', company.policy])
    bench.answer(holds)
    expect(gateway.events()).not.to.include('create_authorization')
  })

  it('facts that change faster than the condition answers end in a refusal', () => {
    bench.patch('resources', company.resource, { name: 'Other' })
    ask()
    for (let round = 0; round < 10; round++) {
      bench.patch('policies', company.policy, { conditions: [...isolated], description: `round ${round}` })
      bench.answer(holds)
    }
    expect(gateway.events()).not.to.include('create_authorization')
    expect(refusals()).to.have.length(1)
  })

  it('what other conditions deny is denied to a grant at once, without asking', () => {
    grant()
    bench.patch('policies', company.policy, {
      conditions: [...isolated, { condition: 'here', settings: { holds: false } }],
    })
    expect(bench.asked).to.deep.equal([])
    expect(gateway.events()).to.include('reject_access')
  })

  it('P6 a grant that is judged again stays until the isolated condition answers, and is withdrawn if it denies or is late', () => {
    for (const end of ['denied', 'late'] as const) {
      grant()
      bench.patch('policies', company.policy, { conditions: [...isolated], description: end })
      expect(gateway.events()).not.to.include('reject_access')
      if (end === 'denied') bench.answer(fails)
      else bench.clock.advance(SECOND)
      expect(gateway.events(), end).to.include('reject_access')
      expect(bench.authorizations.size).to.equal(0)
      bench.asked.length = 0
      client.heard()
    }
  })

  it('P6 a grant whose isolated condition holds again is kept', () => {
    grant()
    bench.patch('policies', company.policy, { conditions: [...isolated], description: 'again' })
    bench.answer(holds)
    expect(gateway.events()).not.to.include('reject_access')
    expect(bench.authorizations.size).to.equal(1)
  })

  it('P11 a client that comes from elsewhere keeps its grant only if the condition holds for the new address', () => {
    grant()
    client.leave()
    client = company.clientJoins({ remoteIp: '192.0.2.77' })
    expect(bench.asked.flatMap(({ questions }) => questions.map(addressIn))).to.deep.equal(['192.0.2.77'])
    bench.answer(fails)
    expect(gateway.events()).to.include('reject_access')
  })

  it('P3 a grant about to end is extended by an isolated condition that answers in time, and ends if none does', () => {
    const length = 10 * SECOND
    const until = bench.unix() + length
    ask()
    bench.answer(() => ({ holds: true, reason: 'x', until }))
    acknowledge()
    bench.clock.advance(length - 3 * SECOND)
    expect(bench.asked.flatMap(({ questions }) => questions.map(({ at }) => at))).to.deep.equal([until])
    bench.answer(() => ({ holds: true, reason: 'x', until: until + length }))
    expect(gateway.heard().map(({ payload }) => payload.expires_at)).to.deep.equal([(until + length) / SECOND])
    bench.clock.advance(length + 3 * SECOND + SECOND)
    expect(gateway.events()).to.include('reject_access')
  })

  it('a gateway that comes to another process joins there when its grants are judged', () => {
    grant()
    const other = makeBench({ clock: bench.clock })
    other.load(bench.rows())
    const [{ id }] = company.gateways
    const joining = other.connect('gateway', { peerId: id, tokenId: company.gatewayToken.id })
    joining.say('phx_join', null)
    expect(joining.heard()).to.deep.equal([])
    other.answer(holds)
    const [init] = joining.heard()
    expect(init?.event).to.equal('init')
    expect(init?.payload.authorizations).to.have.length(1)

    const third = makeBench({ clock: bench.clock })
    third.load(bench.rows())
    const late = third.connect('gateway', { peerId: id, tokenId: company.gatewayToken.id })
    late.say('phx_join', null)
    bench.clock.advance(4 * SECOND)
    const [withdrawn] = late.heard()
    expect(withdrawn?.event).to.equal('init')
    expect(withdrawn?.payload.authorizations).to.deep.equal([])
  })

  it('an isolated selector chooses the gateway, and a random one is taken where it fails', () => {
    bench.patch('policies', company.policy, { conditions: [] })
    bench.patch('sites', company.site, { selector: 'far' })
    const second = company.gatewayJoins(1)
    for (const [gatewayId, reason] of [
      [company.gateways[1].id, 'the far one'],
      ['nobody', 'drawn at random'],
    ]) {
      ask()
      bench.answer(() => ({ gatewayId, reason: 'the far one' }))
      for (const each of [gateway, second]) {
        for (const { event, payload } of each.heard())
          if (event === 'create_authorization') each.say('authorization_created', { ref: payload.ref })
      }
      expect(JSON.stringify(bench.decisions.at(-1)?.details)).to.include(reason)
      for (const authorization of bench.authorizations.values()) bench.remove(['authorizations', authorization])
      bench.clock.advance(MINUTE / 4)
    }
  })

  it('nothing is asked, and nothing waits, where nothing is isolated', () => {
    bench.patch('policies', company.policy, { conditions: [{ condition: 'here', settings: { holds: true } }] })
    ask()
    expect(gateway.events()).to.include('create_authorization')
    expect(bench.asked).to.deep.equal([])
  })

  describe('explained', () => {
    const heard = (answer: () => unknown) => {
      const asked: number[] = []
      const decisions = heardDecisions(bench.machine.knowledge, {
        now: () => bench.clock.now(),
        ask: (questions) => {
          asked.push(questions.length)
          return Promise.resolve(questions.map(() => ({ answer: answer(), seconds: 0 })))
        },
      })
      return { decisions, asked }
    }

    it('P8 explain and “my access” say what the isolated condition says', async () => {
      const about = { accountId: company.account.id, clientId: company.client.id }
      for (const [answer, isAllowed] of [
        [holds, true],
        [fails, false],
      ] as const) {
        const { decisions } = heard(answer)
        const verdict = await decisions.explain({ ...about, actor: company.actor.id, resource: company.resource.id })
        expect(verdict).to.have.nested.property('explanation.isAllowed', isAllowed)
        const [own] = await decisions.accessOf({ ...about, actorId: company.actor.id })
        expect(own?.isAllowed).to.equal(isAllowed)
      }
    })

    it('a simulation asks for many people at once', async () => {
      for (let index = 0; index < 300; index++) company.join(company.person(`P${index}`).id, company.group.id)
      const facts = { [Facts.client.address.name]: '192.0.2.1' }
      const { decisions, asked } = heard(holds)
      const change = {
        entity: 'policies',
        accountId: company.account.id,
        id: company.policy.id,
        before: company.policy,
      } as const
      const question = { accountId: company.account.id, changes: [change], limit: 1_000, facts }
      const simulation = await decisions.simulate(question, () => Promise.resolve(true))
      expect(simulation?.pairs).to.have.length(301)
      expect(simulation?.pairs.every(({ effect }) => effect === 'loses')).to.equal(true)
      expect(asked.reduce((sum, each) => sum + each, 0)).to.be.at.least(301)
      expect(asked.length).to.be.below(10)
    })
  })
})
