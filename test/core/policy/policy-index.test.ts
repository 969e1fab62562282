import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { Facts, optional, type Fact } from '../../../core/contract/facts.ts'
import type { PolicyCondition } from '../../../core/contract/policy-condition.ts'
import type { Extensions, SettingsSchema } from '../../../core/contract/extension-point.ts'
import type { PolicyMode, PolicyRule } from '../../../core/policy/compiled-policy.ts'
import { PolicyIndex } from '../../../core/policy/policy-index.ts'
import type { PolicyQuestion, PolicyVerdict } from '../../../core/policy/policy-verdict.ts'
import { unixTime } from '../../../core/runtime/time.ts'
import { fact, knownFacts } from '../../kit/facts.ts'
import { ANY_SETTINGS, condition, extension, type DeclaredCondition } from '../../kit/extensions.ts'

const NOW = unixTime(1_000_000)

interface Settings {
  holds: boolean
  until?: number
  again?: number
}

/** A condition whose settings are its verdict. */
const told = condition<Settings>({
  evaluate: ({ settings: { holds, until, again } }) =>
    holds
      ? { holds, reason: 'as told', ...(until === undefined ? {} : { until: unixTime(until) }) }
      : { holds, reason: 'as told', ...(again === undefined ? {} : { again: unixTime(again) }) },
})

const refusing: SettingsSchema = {
  ...ANY_SETTINGS,
  safeParse: (settings) =>
    settings === 'refused'
      ? { ok: false, problems: [{ path: 'hours[0]', message: 'is wrong' }] }
      : { ok: true, settings },
}

const known = (more: Record<string, DeclaredCondition> = {}): Extensions<PolicyCondition> =>
  new Map(
    Object.entries({ told, ...more }).map(([key, { value, facts }]) => [
      key,
      extension(key, value, { plugin: `condition-${key}`, version: '1.2.3', settings: refusing, facts }),
    ]),
  )

const rule = (id: string, more: Partial<PolicyRule> = {}): PolicyRule => ({
  id,
  groupId: 'staff',
  resourceId: 'wiki',
  description: null,
  conditions: [],
  isDisabled: false,
  mode: 'enforced',
  ...more,
})

const asTold = (settings: Settings) => ({ condition: 'told', settings })

const indexOf = (rules: readonly PolicyRule[], conditions = known()): PolicyIndex => {
  const index = new PolicyIndex(conditions)
  for (const each of rules) index.put(each)
  return index
}

const question = (more: Partial<PolicyQuestion> = {}): PolicyQuestion => ({
  groupIds: new Set(['staff']),
  resourceId: 'wiki',
  facts: knownFacts(),
  at: NOW,
  ...more,
})

const ask = (rules: readonly PolicyRule[], more: Partial<PolicyQuestion> = {}, conditions = known()): PolicyVerdict =>
  indexOf(rules, conditions).evaluate(question(more))

describe('PolicyIndex', () => {
  it('P1 access is denied where there is no policy', () => {
    expect(ask([])).to.deep.equal({ allowed: false, denied: 'not_found', explanation: [] })
  })

  it('P1 access is denied where the policies are for others or disabled, with a reason for each', () => {
    const others = [rule('a', { groupId: 'others' }), rule('b', { isDisabled: true }), rule('c', { resourceId: 'x' })]
    const verdict = ask(others)
    expect(verdict).to.include({ allowed: false, denied: 'not_found' })
    expect(verdict.explanation.map(({ policyId, outcome }) => [policyId, outcome])).to.deep.equal([
      ['a', 'not_a_member'],
      ['b', 'disabled'],
    ])
  })

  it('P2 a policy needs all of its conditions, and each of them is evaluated', () => {
    const verdict = ask([rule('a', { conditions: [asTold({ holds: false }), asTold({ holds: true })] })])
    expect(verdict).to.include({ allowed: false, denied: 'forbidden' })
    expect(verdict.explanation[0]?.conditions.map(({ holds }) => holds)).to.deep.equal([false, true])
    expect(verdict.explanation[0]?.conditions[0]).to.deep.equal({
      condition: 'told',
      judgedBy: 'condition-told 1.2.3',
      reads: [],
      facts: {},
      holds: false,
      reason: 'as told',
    })
  })

  it('P2 access is granted by any policy that conforms', () => {
    const verdict = ask([rule('a', { conditions: [asTold({ holds: false })] }), rule('b')])
    expect(verdict).to.include({ allowed: true, policyId: 'b', groupId: 'staff' })
  })

  it('P3 access ends at the earliest end of a policy’s conditions and the token, by the policy that lasts longest', () => {
    const until = (...ends: number[]) => ends.map((end) => asTold({ holds: true, until: end }))
    const short = rule('short', { conditions: until(NOW + 10, NOW + 500) })
    const long = rule('long', { conditions: until(NOW + 200, NOW + 100) })
    expect(ask([short, long])).to.include({ policyId: 'long', expiresAt: NOW + 100 })
    const token = { tokenExpiresAt: unixTime(NOW + 50) }
    expect(ask([short, long], token)).to.include({ policyId: 'long', expiresAt: NOW + 50 })
    expect(ask([short, long, rule('endless')])).to.not.have.property('expiresAt')
    expect(ask([rule('endless')], { tokenExpiresAt: NOW })).to.include({ allowed: false, denied: 'token_expired' })
  })

  it('a denial says when access may be allowed, where every obstacle can say it', () => {
    const no = (again?: number) => asTold({ holds: false, ...(again === undefined ? {} : { again }) })
    expect(ask([rule('a', { conditions: [no(NOW + 5), no(NOW + 9)] })])).to.include({ again: NOW + 9 })
    expect(ask([rule('a', { conditions: [no(NOW + 5), no()] })])).to.not.have.property('again')
    const either = [rule('a', { conditions: [no(NOW + 5)] }), rule('b', { conditions: [no(NOW + 3)] })]
    expect(ask(either)).to.include({ again: NOW + 3 })
  })

  it('P4 access is denied on an unknown fact without evaluating the condition, and the known facts are shown', () => {
    const reads = condition(
      {
        evaluate: () => {
          throw new Error('was asked')
        },
      },
      { address: Facts.client.address, isVerified: Facts.device.isVerified },
    )
    const policy = rule('a', { conditions: [{ condition: 'reads', settings: {} }] })
    const verdict = ask(
      [policy],
      { facts: knownFacts({ 'device.is_verified': true, 'actor.id': 'x' }) },
      known({ reads }),
    )
    expect(verdict.explanation[0]?.conditions[0]).to.deep.include({
      holds: false,
      reason: 'the fact client.address is unknown',
      facts: { 'device.is_verified': fact(true) },
    })
  })

  it('a condition gets the facts that it declares, and no others', () => {
    let seen: unknown
    const reads = condition(
      {
        evaluate: ({ facts }) => {
          seen = facts
          return { holds: true, reason: 'looked' }
        },
      },
      { address: Facts.client.address },
    )
    const policy = rule('a', { conditions: [{ condition: 'reads', settings: {} }] })
    ask(
      [policy],
      { facts: knownFacts({ 'client.address': '192.0.2.1', 'device.is_verified': true }) },
      known({ reads }),
    )
    expect(seen).to.deep.equal({ address: fact('192.0.2.1') })
  })

  it('a condition is evaluated although an optional fact is unknown', () => {
    const seen: unknown[] = []
    const reads = condition<unknown, { address: Fact<string> | undefined }>(
      {
        evaluate: ({ facts }) => {
          seen.push(facts.address?.value)
          return { holds: true, reason: 'looked' }
        },
      },
      { address: optional(Facts.client.address) },
    )
    const policy = rule('a', { conditions: [{ condition: 'reads', settings: {} }] })
    expect(ask([policy], { facts: knownFacts() }, known({ reads })).allowed).to.equal(true)
    expect(ask([policy], { facts: knownFacts({ 'client.address': '192.0.2.1' }) }, known({ reads })).allowed).to.equal(
      true,
    )
    expect(seen).to.deep.equal([undefined, '192.0.2.1'])
  })

  it('access is denied where a condition throws, is unknown, has wrong settings, or returns nonsense', () => {
    const nonsense: unknown[] = [
      undefined,
      null,
      true,
      {},
      { holds: 'yes', reason: '' },
      Promise.resolve({ holds: true }),
      { holds: true, reason: 'x', until: Number.NaN },
      { holds: true, reason: 'x', until: '2030' },
      { holds: true, reason: 'x', until: NOW },
      { holds: true, reason: 'x', until: 1e300 },
    ]
    for (const answer of nonsense) {
      const odd = condition({ evaluate: () => answer as never })
      const verdict = ask([rule('a', { conditions: [{ condition: 'odd', settings: {} }] })], {}, known({ odd }))
      expect(verdict.allowed, JSON.stringify(answer)).to.equal(false)
      expect(verdict.explanation[0]?.conditions[0]?.reason).to.be.a('string').with.length.greaterThan(0)
    }
    const throwing = condition({
      evaluate: () => {
        throw new Error('out of order')
      },
    })
    const reason = (name: string, settings: unknown) => {
      const verdict = ask([rule('a', { conditions: [{ condition: name, settings }] })], {}, known({ throwing }))
      return verdict.explanation[0]?.conditions[0]?.reason
    }
    expect(reason('throwing', {})).to.equal('it failed: Error: out of order')
    expect(reason('unheard-of', {})).to.equal('no plugin provides the condition "unheard-of"')
    expect(reason('told', 'refused')).to.equal('its settings are not valid: hours[0]: is wrong')
  })

  it('the policy index follows rows that are put, replaced and removed', () => {
    const index = indexOf([rule('a')])
    index.put(rule('a', { groupId: 'others' }))
    expect(index.evaluate(question()).allowed).to.equal(false)
    expect([...index.resourcesOf(new Set(['staff', 'others']))]).to.deep.equal(['wiki'])
    expect([...index.groupsOf('wiki')]).to.deep.equal(['others'])
    index.put(rule('a', { resourceId: 'mail', isDisabled: true }))
    expect([...index.resourcesOf(new Set(['staff', 'others']))]).to.deep.equal([])
    index.remove('a')
    index.remove('a')
    expect(index.evaluate(question({ resourceId: 'mail' })).explanation).to.deep.equal([])
  })

  describe('the algebra', () => {
    const settings: fc.Arbitrary<Settings> = fc.record(
      {
        holds: fc.boolean(),
        until: fc.integer({ min: NOW - 5, max: NOW + 50 }),
        again: fc.integer({ min: NOW, max: NOW + 50 }),
      },
      { requiredKeys: ['holds'] },
    )
    const groups = fc.constantFrom('staff', 'others', 'guests')
    const broken: Record<string, DeclaredCondition> = {
      throwing: condition({
        evaluate: () => {
          throw new Error('out of order')
        },
      }),
      silent: condition({ evaluate: () => Promise.resolve({ holds: true, reason: 'later' }) as never }),
      endless: condition({ evaluate: () => ({ holds: true, reason: 'for ever', until: unixTime(Number.NaN) }) }),
      blind: condition(
        { evaluate: () => ({ holds: true, reason: 'asked without knowing' }) },
        { address: Facts.client.address },
      ),
    }
    /**
     * A condition with any verdict, or one that cannot give any: it throws, is late, returns nonsense, lacks a fact,
     * its settings or its plugin.
     */
    const anyCondition = fc.oneof(
      { weight: 4, arbitrary: settings.map(asTold) },
      fc
        .constantFrom(...Object.keys(broken), 'unheard-of', 'told')
        .map((name) => ({ condition: name, settings: name === 'told' ? 'refused' : {} })),
    )
    const askAny = (rules: readonly PolicyRule[], more: Partial<PolicyQuestion> = {}): PolicyVerdict =>
      ask(rules, more, known(broken))
    const rules = fc.uniqueArray(
      fc.record({
        id: fc.nat(20).map(String),
        groupId: groups,
        resourceId: fc.constantFrom('wiki', 'mail'),
        description: fc.constant(null),
        conditions: fc.array(anyCondition, { maxLength: 3 }),
        isDisabled: fc.boolean(),
        mode: fc.constantFrom<PolicyMode>('enforced', 'enforced', 'shadow'),
      }),
      { selector: ({ id }) => id, maxLength: 10 },
    )
    const asked = fc.record({
      groupIds: fc.uniqueArray(groups).map((ids) => new Set(ids)),
      resourceId: fc.constantFrom('wiki', 'mail'),
    })

    /** Extent of a verdict: nothing, until a moment, or for ever. */
    const extent = (verdict: PolicyVerdict): number => (verdict.allowed ? (verdict.expiresAt ?? Infinity) : -Infinity)
    const withoutOrder = ({ explanation, ...verdict }: PolicyVerdict) => ({
      ...verdict,
      explanation: explanation.toSorted((a, b) => Number(a.policyId) - Number(b.policyId)),
    })

    it('P2 the order of policies does not change a verdict', () => {
      fc.assert(
        fc.property(rules, asked, (some, about) => {
          expect(withoutOrder(askAny(some.toReversed(), about))).to.deep.equal(withoutOrder(askAny(some, about)))
        }),
      )
    })

    it('P2 adding a condition never widens access', () => {
      fc.assert(
        fc.property(rules, asked, fc.nat(), anyCondition, (some, about, at, more) => {
          const narrowed = some.map((each, index) =>
            index === at % some.length ? { ...each, conditions: [...each.conditions, more] } : each,
          )
          expect(extent(askAny(narrowed, about))).to.be.at.most(extent(askAny(some, about)))
        }),
      )
    })

    it('P2 adding a policy never narrows access', () => {
      fc.assert(
        fc.property(rules, rules, asked, (some, others, about) => {
          const more = others.map((each) => ({ ...each, id: `1${each.id}00` }))
          expect(extent(askAny([...some, ...more], about))).to.be.at.least(extent(askAny(some, about)))
        }),
      )
    })

    it('P2 the order of conditions does not change a verdict', () => {
      fc.assert(
        fc.property(rules, asked, (some, about) => {
          const turned = some.map((each) => ({ ...each, conditions: each.conditions.toReversed() }))
          expect(extent(askAny(turned, about))).to.equal(extent(askAny(some, about)))
        }),
      )
    })

    it('a policy in shadow mode never changes a verdict, and is in its explanation', () => {
      fc.assert(
        fc.property(rules, rules, asked, (some, others, about) => {
          const shadows = others.map((each) => ({ ...each, id: `1${each.id}00`, mode: 'shadow' as const }))
          const { explanation: before, ...plain } = askAny(some, about)
          const { explanation: after, ...shadowed } = askAny([...some, ...shadows], about)
          expect(shadowed).to.deep.equal(plain)
          const ofResource = shadows.filter(({ resourceId }) => resourceId === about.resourceId)
          expect(after.length - before.length).to.equal(ofResource.length)
        }),
      )
    })

    it('P2 joining a group never narrows access, and a shorter token never widens it', () => {
      fc.assert(
        fc.property(rules, asked, groups, fc.nat(60), (some, about, group, left) => {
          const before = extent(askAny(some, about))
          const groupIds = new Set([...about.groupIds, group])
          expect(extent(askAny(some, { ...about, groupIds }))).to.be.at.least(before)
          const shorter = extent(askAny(some, { ...about, tokenExpiresAt: unixTime(NOW + left) }))
          expect(shorter).to.be.at.most(Math.min(before, left === 0 ? -Infinity : NOW + left))
        }),
      )
    })

    it('P2 P3 a verdict agrees with the plain rules: the earliest end within a policy, the latest of them all', () => {
      fc.assert(
        fc.property(rules, asked, (some, about) => {
          const end = ({ condition: key, settings: said }: PolicyRule['conditions'][number]) => {
            if (key !== 'told' || said === 'refused') return -Infinity
            const { holds, until = Infinity } = said as Settings
            return holds && until > NOW ? until : -Infinity
          }
          const ends = some
            .filter(
              ({ isDisabled, mode, resourceId }) =>
                !isDisabled && mode === 'enforced' && resourceId === about.resourceId,
            )
            .filter(({ groupId }) => about.groupIds.has(groupId))
            .map(({ conditions }) => Math.min(Infinity, ...conditions.map(end)))
          expect(extent(askAny(some, about))).to.equal(Math.max(-Infinity, ...ends))
        }),
      )
    })
  })
})
