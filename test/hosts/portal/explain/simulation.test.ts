import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { Facts } from '../../../../core/contract/facts.ts'
import { unixTime } from '../../../../core/runtime/time.ts'
import type { Change, Entities, EntityName } from '../../../../hosts/portal/store/entities.ts'
import { decisionsOf } from '../../../../hosts/portal/explain/decisions.ts'
import type { PairChange, Simulation, SimulationQuestion } from '../../../../hosts/portal/explain/simulation.ts'
import { ClientVerified } from '../../../../plugins/condition-client-verified/client-verified.ts'
import { RandomSelector } from '../../../../plugins/selector-random/random-selector.ts'
import { condition } from '../../../kit/extensions.ts'
import { Company, PortalBench } from '../../../kit/portal-bench.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

const verified = { condition: 'client-verified', settings: { verified: true } }

/** Three people, two groups, two resources, and policies that may join them. */
const world = () => {
  const bench = new PortalBench({
    conditions: { 'client-verified': condition(new ClientVerified(), { isVerified: Facts.device.isVerified }) },
    selectors: { random: new RandomSelector({ random: new SeededRandom(3) }) },
  })
  const company = new Company(bench)
  const others = bench.row('groups', { ...company.group, id: bench.id(), name: 'Others' })
  const people = [company.actor, company.person('Ben'), company.person('Cleo')] as const
  const resources = [company.resource, company.network('192.0.2.0/24')] as const
  const decisions = decisionsOf(bench.machine.knowledge, () => bench.clock.now())
  const simulate = (changes: Change[], more: Partial<SimulationQuestion> = {}): Simulation =>
    whole(decisions.simulate({ accountId: company.account.id, changes, limit: 100, ...more }))
  return { bench, company, groups: [company.group, others] as const, people, resources, decisions, simulate }
}

const whole = (work: Generator<undefined, Simulation>): Simulation => {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}

const changeOf = <Name extends EntityName>(
  entity: Name,
  { before, after }: { before?: Entities[Name]; after?: Entities[Name] },
): Change => {
  const row = (after ?? before) as Entities['policies']
  return { entity, accountId: row.accountId, id: row.id, ...(before && { before }), ...(after && { after }) } as Change
}

const short = ({ effect, actor, resource }: PairChange) => `${actor.name} ${effect} ${resource.name}`

describe('simulations', () => {
  it('a simulation says who loses access with a policy, and changes nothing', () => {
    const { company, simulate, decisions } = world()
    const removal = changeOf('policies', { before: company.policy })
    const { pairs, examined, concerned } = simulate([removal])
    expect(pairs.map(short)).to.deep.equal(['Ada loses 198.51.100.0/24'])
    expect([examined, concerned]).to.deep.equal([1, 1])
    const [own] = decisions.accessOf({ accountId: company.account.id, actorId: company.actor.id })
    expect(own?.isAllowed).to.equal(true)
  })

  it('a simulation says who gains access with a membership, and whose access depends on conditions', () => {
    const { bench, company, people, groups, resources, simulate } = world()
    const join = {
      id: 'new',
      accountId: company.account.id,
      groupId: groups[0].id,
      actorId: people[1].id,
      createdAt: unixTime(0),
      updatedAt: unixTime(0),
    }
    bench.patch('policies', company.allow(groups[0].id, resources[1].id), { conditions: [verified] })
    expect(simulate([changeOf('memberships', { after: join })]).pairs.map(short)).to.have.members([
      'Ben gains 198.51.100.0/24',
      'Ben appears 192.0.2.0/24',
    ])
  })

  it('a simulation covers a resource that moves, and one that goes', () => {
    const { company, simulate } = world()
    const { resource } = company
    const moved = { ...resource, filters: [{ protocol: 'tcp' as const, ports: ['443'] }] }
    expect(simulate([changeOf('resources', { before: resource, after: moved })]).pairs.map(short)).to.deep.equal([
      'Ada changes 198.51.100.0/24',
    ])
    expect(simulate([changeOf('resources', { before: resource })]).pairs.map(short)).to.deep.equal([
      'Ada loses 198.51.100.0/24',
    ])
  })

  it('a simulation judges a person by each of her devices, and by what is supposed', () => {
    const { bench, company, simulate } = world()
    const stricter = { ...company.policy, conditions: [verified] }
    const change = changeOf('policies', { before: company.policy, after: stricter })
    expect(simulate([change]).pairs.map(short)).to.deep.equal(['Ada loses 198.51.100.0/24'])
    expect(simulate([change], { facts: { 'device.is_verified': true } }).pairs).to.deep.equal([])
    bench.patch('clients', company.client, { verifiedAt: unixTime(1) })
    expect(simulate([change]).pairs).to.deep.equal([])
  })

  it('a simulation comes in pages that fit together', () => {
    const { company, simulate } = world()
    for (let index = 0; index < 23; index++) company.join(company.person(`P${index}`).id, company.group.id)
    const change = changeOf('policies', { before: company.policy })
    const seen: string[] = []
    let after: SimulationQuestion['after']
    let pages = 0
    do {
      const page = simulate([change], { limit: 5, after })
      expect(page.pairs.length).to.be.at.most(5)
      expect(page.concerned).to.equal(24)
      seen.push(...page.pairs.map(({ actor }) => actor.id))
      after = page.next
      pages++
    } while (after !== undefined && pages < 20)
    expect(new Set(seen).size).to.equal(24)
    expect(seen).to.have.length(24)
  })

  describe('simulations of a large account', () => {
    /**
     * A group of 301 with many policies for one resource, and the number of conditions evaluated between two pauses.
     */
    const large = ({ policies }: { policies: number }) => {
      let asked = 0
      const counting = condition({
        evaluate: () => {
          asked++
          return { holds: false, reason: 'counted' }
        },
      })
      const bench = new PortalBench({ conditions: { counting } })
      const company = new Company(bench)
      for (let index = 0; index < 300; index++) company.join(company.person(`P${index}`).id, company.group.id)
      const conditions = [{ condition: 'counting', settings: {} }]
      for (let index = 0; index < policies; index++) company.allow(company.group.id, company.resource.id, conditions)
      const change = changeOf('policies', { before: company.policy })
      const decisions = decisionsOf(bench.machine.knowledge, () => bench.clock.now())
      const run = (after?: SimulationQuestion['after']) => {
        const slices: number[] = []
        const work = decisions.simulate({ accountId: company.account.id, changes: [change], limit: 1_000, after })
        for (;;) {
          asked = 0
          const step = work.next()
          slices.push(asked)
          if (step.done === true) return { page: step.value, slices }
        }
      }
      return { bench, company, run }
    }

    it('a simulation pauses after some thousand questions, so that the portal serves others meanwhile', () => {
      const { run } = large({ policies: 30 })
      const { page, slices } = run()
      expect(page).to.include({ examined: 301, concerned: 301 })
      expect(page.pairs).to.have.length(301)
      expect(slices.reduce((sum, each) => sum + each, 0)).to.be.greaterThan(301 * 30)
      expect(Math.max(...slices)).to.be.at.most(5_000)
      expect(slices.length).to.be.greaterThan(4)
    })

    it('a simulation ends a page that costs too much, and goes on where it ended', () => {
      const { run } = large({ policies: 1_000 })
      const seen: string[] = []
      let pages = 0
      for (let after: SimulationQuestion['after'] | undefined, more = true; more; pages++) {
        const { page, slices } = run(after)
        expect(slices.reduce((sum, each) => sum + each, 0)).to.be.at.most(510_000)
        seen.push(...page.pairs.map(({ actor }) => actor.id))
        after = page.next
        more = after !== undefined
      }
      expect(pages).to.be.greaterThan(1)
      expect(new Set(seen).size).to.equal(301)
      expect(seen).to.have.length(301)
    })

    it('a simulation takes over changes that are committed between two pauses, and does not fail by them', () => {
      const { bench, company } = large({ policies: 30 })
      const decisions = decisionsOf(bench.machine.knowledge, () => bench.clock.now())
      const change = changeOf('policies', { before: company.policy })
      const work = decisions.simulate({ accountId: company.account.id, changes: [change], limit: 1_000 })
      for (let index = 0; index < 3; index++) work.next()
      bench.remove(['policies', company.policy], ['resources', company.resource], ['actors', company.actor])
      expect(whole(work).pairs.length).to.be.lessThan(301)
    })
  })

  it('a simulation foresees exactly the effects of a change, whatever it is', () => {
    const policies = fc.array(
      fc.record({
        group: fc.nat(1),
        resource: fc.nat(1),
        isDisabled: fc.boolean(),
        mode: fc.constantFrom<'enforced' | 'shadow'>('enforced', 'enforced', 'shadow'),
        isBound: fc.boolean(),
      }),
      { maxLength: 4 },
    )
    // One membership a pair; Ada is in the first group already.
    const members = fc.uniqueArray(
      fc.record({ group: fc.nat(1), person: fc.nat(2) }).filter(({ group, person }) => group !== 0 || person !== 0),
      { maxLength: 4, selector: ({ group, person }) => `${group} ${person}` },
    )
    const change = fc.record({
      kind: fc.nat(5),
      index: fc.nat(3),
      group: fc.nat(1),
      person: fc.nat(2),
      resource: fc.nat(1),
    })
    fc.assert(
      fc.property(policies, members, change, (rules, joins, { kind, index, group, person, resource }) => {
        const { bench, company, groups, people, resources, decisions, simulate } = world()
        const made = [
          company.policy,
          ...rules.map((rule) => {
            const row = company.allow(
              groups[rule.group === 0 ? 0 : 1].id,
              resources[rule.resource === 0 ? 0 : 1].id,
              rule.isBound ? [verified] : [],
            )
            return bench.patch('policies', row, { isDisabled: rule.isDisabled, mode: rule.mode })
          }),
        ]
        const joined = [
          company.membership,
          ...joins.map((join) => company.join(people[join.person]?.id ?? '', groups[join.group === 0 ? 0 : 1].id)),
        ]
        const rule = made[index % made.length] ?? company.policy
        const membership = joined[index % joined.length] ?? company.membership
        const someone = people[person] ?? company.actor
        const something = resources[resource === 0 ? 0 : 1]
        const base = { accountId: company.account.id, id: bench.id(), createdAt: unixTime(0), updatedAt: unixTime(0) }
        const proposed = [
          () => changeOf('policies', { before: rule }),
          () =>
            changeOf('policies', { before: rule, after: { ...rule, isDisabled: !rule.isDisabled, mode: 'enforced' } }),
          () => changeOf('memberships', { before: membership }),
          () =>
            changeOf('memberships', {
              after: { ...base, groupId: groups[group === 0 ? 0 : 1].id, actorId: someone.id },
            }),
          () => changeOf('resources', { before: something }),
          () => changeOf('actors', { before: someone, after: { ...someone, isDisabled: true } }),
        ][kind]?.()
        if (proposed === undefined) return
        const states = () =>
          new Map(
            people.flatMap((each) => {
              const access = decisions.accessOf({ accountId: company.account.id, actorId: each.id })
              return access.map(({ resource: { id }, isAllowed }) => [`${each.id} ${id}`, isAllowed] as const)
            }),
          )
        const before = states()
        const foreseen = simulate([proposed]).pairs.filter(({ effect }) => effect === 'gains' || effect === 'loses')
        bench.change([[proposed.entity, proposed.id, proposed.after]])
        const after = states()
        const expected = [...new Set([...before.keys(), ...after.keys()])]
          .filter((pair) => (before.get(pair) ?? false) !== (after.get(pair) ?? false))
          .map((pair) => `${pair} ${after.get(pair) === true ? 'gains' : 'loses'}`)
        expect(foreseen.map((pair) => `${pair.actor.id} ${pair.resource.id} ${pair.effect}`)).to.have.members(expected)
      }),
      { numRuns: 150 },
    )
  })
})
