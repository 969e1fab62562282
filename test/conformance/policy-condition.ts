import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import type { ConditionVerdict, FactName, Facts, PolicyCondition } from '../../core/contract/policy-condition.ts'
import { DAY, unixTime, type UnixTime } from '../../core/runtime/time.ts'
import { parsedSettings, settingsSchemaSuite, type SettingsSchemaSuite } from './settings-schema.ts'

export interface PolicyConditionSuite<Settings> extends SettingsSchemaSuite<Settings> {
  create: () => PolicyCondition<Settings>
  /** Facts that make a difference to it, beside those that the suite makes up. */
  facts?: readonly Facts[]
}

const FACT_NAMES: readonly FactName[] = ['remoteIp', 'identityProviderId', 'clientVerified']

const moment = fc
  .integer({ min: Date.UTC(1990, 0, 1) / 1000, max: Date.UTC(2090, 0, 1) / 1000 })
  .map((seconds) => unixTime(seconds * 1000))

const anyFacts: fc.Arbitrary<Facts> = fc.record(
  {
    remoteIp: fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()),
    identityProviderId: fc.oneof(fc.uuid(), fc.string()),
    clientVerified: fc.boolean(),
  },
  { requiredKeys: [...FACT_NAMES] },
)

/** What every policy condition promises. */
export const policyConditionSuite = <Settings>(name: string, suite: PolicyConditionSuite<Settings>): void => {
  describe(`policy condition ${name}`, () => {
    const settings = fc.constantFrom(...parsedSettings(suite))
    const facts = fc.oneof(anyFacts, fc.constantFrom<Facts>(...(suite.facts ?? [{}]))).map(
      // A declared fact that is unknown denies before a condition is asked.
      (some) => ({ remoteIp: '192.0.2.1', identityProviderId: 'none', clientVerified: false, ...some }),
    )

    it('declares facts that exist, each once', () => {
      const declared = suite.create().facts
      expect(FACT_NAMES).to.include.members([...declared])
      expect(new Set(declared).size).to.equal(declared.length)
    })

    it('never throws on settings that its schema lets through, and always gives a reason', () => {
      const condition = suite.create()
      fc.assert(
        fc.property(settings, facts, moment, (chosen, known, at) => {
          const verdict = condition.evaluate({ settings: chosen, facts: known, at })
          expect(verdict.holds).to.be.a('boolean')
          expect(verdict.reason).to.be.a('string').with.length.within(1, 500)
        }),
      )
    })

    it('answers at once, and not with a promise', () => {
      const condition = suite.create()
      fc.assert(
        fc.property(settings, facts, moment, (chosen, known, at) => {
          const verdict: object = condition.evaluate({ settings: chosen, facts: known, at })
          expect(verdict).not.to.have.property('then')
        }),
      )
    })

    it('is deterministic: neither the order of questions nor the instance matters', () => {
      const condition = suite.create()
      fc.assert(
        fc.property(fc.array(fc.tuple(settings, facts, moment), { minLength: 1, maxLength: 8 }), (questions) => {
          const ask = (one: PolicyCondition<Settings>, [chosen, known, at]: [Settings, Facts, UnixTime]) =>
            one.evaluate({ settings: chosen, facts: known, at })
          const forwards = questions.map((question) => ask(condition, question))
          const backwards = questions.toReversed().map((question) => ask(suite.create(), question))
          expect(backwards.toReversed()).to.deep.equal(forwards)
        }),
      )
    })

    it('reads the facts that it declares and no others, and changes nothing', () => {
      const condition = suite.create()
      const declared: readonly PropertyKey[] = condition.facts
      fc.assert(
        fc.property(settings, facts, moment, (chosen, known, at) => {
          const before = JSON.stringify(chosen)
          const guarded = new Proxy(Object.freeze({ ...known }), {
            get: (target, key) => {
              if (typeof key === 'string' && !declared.includes(key)) throw new Error(`reads ${key} undeclared`)
              return Reflect.get(target, key) as unknown
            },
            ownKeys: () => {
              throw new Error('enumerates the facts')
            },
          })
          condition.evaluate({ settings: chosen, facts: guarded, at })
          expect(JSON.stringify(chosen)).to.equal(before)
        }),
      )
    })

    it('gives an end that is a boundary: the verdict is the same just before, and is another one then', () => {
      const condition = suite.create()
      fc.assert(
        fc.property(settings, facts, moment, fc.double({ min: 0, max: 1, noNaN: true }), (chosen, known, at, share) => {
          const ask = (when: number): ConditionVerdict =>
            condition.evaluate({ settings: chosen, facts: known, at: unixTime(when) })
          const verdict = ask(at)
          const end = verdict.holds ? verdict.until : verdict.again
          if (end === undefined) return
          expect(end).to.be.greaterThan(at)
          expect(ask(end).holds).to.equal(!verdict.holds)
          for (const when of [end - 1, Math.floor(at + (end - 1 - at) * share)]) {
            const before = ask(when)
            expect([before.holds, before.holds ? before.until : before.again]).to.deep.equal([verdict.holds, end])
          }
        }),
      )
    })

    it('never says that it holds without an end and then stops holding', () => {
      const condition = suite.create()
      fc.assert(
        fc.property(settings, facts, moment, fc.integer({ min: 0, max: 400 * DAY }), (chosen, known, at, later) => {
          const verdict = condition.evaluate({ settings: chosen, facts: known, at })
          if (!verdict.holds || verdict.until !== undefined) return
          expect(condition.evaluate({ settings: chosen, facts: known, at: unixTime(at + later) }).holds).to.equal(true)
        }),
      )
    })

    settingsSchemaSuite(suite)
  })
}
