import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { z } from 'zod'
import { fact, Facts, type Fact } from '../../../../core/contract/facts.ts'
import type { FactTable, FactSource } from '../../../../core/contract/fact-source.ts'
import { settingsSchema } from '../../../../core/plugin/settings-schema.ts'
import { MINUTE, SECOND, unixTime } from '../../../../core/runtime/time.ts'
import { decisionsOf } from '../../../../hosts/portal/explain/decisions.ts'
import { explanationText } from '../../../../hosts/portal/explain/explanation-text.ts'
import { RandomSelector } from '../../../../plugins/selector-random/random-selector.ts'
import { condition, extension } from '../../../kit/extensions.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

const Mood = z.string()
const MoodOf = fact('mood.of', Mood, { by: Facts.actor.email })

const conditions = {
  glad: condition<unknown, { mood: Fact<string> }>(
    { evaluate: ({ facts }) => ({ holds: facts.mood.value === 'glad', reason: `it is ${facts.mood.value}` }) },
    { mood: MoodOf },
  ),
}

const source = extension<FactSource>(
  'mood',
  { refresh: () => Promise.reject(new Error('the test brings the snapshots')) },
  { brings: { fact: MoodOf, schema: settingsSchema(Mood, 'mood'), everyMs: MINUTE, goodForMs: 30 * SECOND } },
)

describe('facts that a plugin brings', () => {
  let bench: PortalBench
  let company: Company
  let gateway: BenchPeer
  let client: BenchPeer

  beforeEach(() => {
    bench = new PortalBench({
      conditions,
      selectors: { random: new RandomSelector({ random: new SeededRandom(3) }) },
      factSources: new Map([['mood', source]]),
    })
    company = new Company(bench)
    bench.patch('actors', company.actor, { email: 'ada@example.org' })
    bench.patch('policies', company.policy, { conditions: [{ condition: 'glad', settings: {} }] })
    gateway = company.gatewayJoins()
    client = company.clientJoins()
  })

  const bring = (values: Record<string, string>, more: Pick<FactTable<string>, 'otherwise'> = {}) =>
    bench.dispatch({ type: 'factsLearned', name: 'mood.of', table: { values, ...more } })
  const ask = () => {
    client.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [] })
    const given = gateway.heard().find(({ event }) => event === 'create_authorization')
    if (given !== undefined) gateway.say('authorization_created', { ref: given.payload.ref })
    return bench.machine.counts().grants
  }
  const explanation = () => {
    const decisions = decisionsOf(bench.machine.knowledge, () => bench.clock.now())
    const { account, actor, resource } = company
    const verdict = decisions.explain({ accountId: account.id, actor: actor.id, resource: resource.id })
    if (!verdict.ok) throw new Error(verdict.unknown)
    return verdict.explanation
  }
  const mood = () => explanation().facts.find(({ name }) => name === 'mood.of')

  it('P4 are unknown before the first snapshot and for keys that it lacks: access is denied, and the source is asked once', () => {
    expect(ask()).to.equal(0)
    expect(ask()).to.equal(0)
    expect(bench.wanted).to.deep.equal(['mood.of'])
    expect(bench.machine.askedKeys('mood.of')).to.deep.equal(['ada@example.org'])
    bring({ 'eve@example.org': 'glad' })
    expect(ask()).to.equal(0)
    expect(explanation().unknownFacts).to.include('mood.of')
    bring({ 'ada@example.org': 'glad' })
    expect(ask()).to.equal(1)
  })

  it('P11 end access at once when the value changes, when the key is gone, and when everybody else has another', () => {
    for (const next of [
      () => bring({ 'ada@example.org': 'sad' }),
      () => bring({}),
      () => bring({}, { otherwise: 'sad' }),
    ]) {
      bring({ 'ada@example.org': 'glad' })
      expect(ask()).to.equal(1)
      gateway.heard()
      next()
      expect(gateway.events()).to.include('reject_access')
      expect(bench.machine.counts().grants).to.equal(0)
    }
  })

  it('P11 end access when nothing has confirmed them for as long as they are good', () => {
    bring({ 'ada@example.org': 'glad' })
    expect(ask()).to.equal(1)
    bench.clock.advance(20 * SECOND)
    bring({ 'ada@example.org': 'glad' })
    gateway.say('heartbeat', {}, 'phoenix')
    client.say('heartbeat', {}, 'phoenix')
    bench.clock.advance(30 * SECOND - 1)
    expect(bench.machine.counts().grants).to.equal(1)
    bench.clock.advance(1)
    expect(bench.machine.counts().grants).to.equal(0)
    expect(mood()).to.equal(undefined)
  })

  it('keep their age while the value is the same, also for somebody who has what everybody else has', () => {
    const first = bench.unix()
    const about = { name: 'mood.of', source: 'test-mood 1.0.0' }
    bring({ 'ada@example.org': 'glad' }, { otherwise: 'sad' })
    bench.clock.advance(SECOND)
    bring({ 'ada@example.org': 'glad' }, { otherwise: 'sad' })
    const validUntil = unixTime(bench.unix() + 30 * SECOND)
    expect(mood()).to.deep.equal({ ...about, value: 'glad', since: first, validUntil })
    bench.clock.advance(SECOND)
    const second = bench.unix()
    bring({}, { otherwise: 'sad' })
    bench.clock.advance(SECOND)
    bring({}, { otherwise: 'sad' })
    expect(mood()).to.deep.include({ value: 'sad', since: second })
  })

  it('P8 are named by explain with the plugin that brought them, and with the fact that they were looked up by', () => {
    bring({ 'ada@example.org': 'glad' })
    const { verdict } = explanation()
    expect(verdict.explanation[0]?.conditions[0]?.reads).to.deep.equal(['mood.of', 'actor.email'])
    const text = explanationText(explanation()).join('\n')
    expect(text).to.match(
      /the fact mood\.of is glad \(by test-mood 1\.0\.0 since [^;]* UTC, until [^;]* UTC at the latest\)/,
    )
    expect(text).to.match(/the e-mail address is ada@example\.org/)
  })

  it('P11 are looked up anew when the fact that they are looked up by changes', () => {
    bring({ 'ada@example.org': 'glad' }, { otherwise: 'sad' })
    expect(ask()).to.equal(1)
    bench.patch('actors', company.actor, { email: 'ada@example.com' })
    expect(bench.machine.counts().grants).to.equal(0)
  })
})
