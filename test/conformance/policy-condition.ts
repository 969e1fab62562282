import type { Reads } from '../../core/contract/facts.ts'
import type { ConditionVerdict, PolicyCondition } from '../../core/contract/policy-condition.ts'
import { DAY, HOUR, unixTime, type UnixTime } from '../../core/runtime/time.ts'
import { anyValueOf, factOf } from './any-fact.ts'
import { withoutClocks } from './without-clocks.ts'
import { parsedSettings, settingsSchemaSuite, type SettingsSchemaSuite } from './settings-schema.ts'
import { expect, fc } from './libraries.ts'
import { describe, it } from './runner.ts'

export interface PolicyConditionSuite<Settings, Known = object> extends SettingsSchemaSuite<Settings> {
  create: () => PolicyCondition<Settings, Known>
  /** Facts that the condition declares. */
  facts?: { [As in keyof Known]: Reads<Known[As], 'request'> }
  /** Values of facts that make a difference to it, beside those that the suite makes up: `{ address: '192.0.2.7' }`. */
  known?: readonly Readonly<Record<string, unknown>>[]
}

const moments = () =>
  fc
    .integer({ min: Date.UTC(1990, 0, 1) / 1000, max: Date.UTC(2090, 0, 1) / 1000 })
    .map((seconds) => unixTime(seconds * 1000))

/** Tests that every policy condition passes. */
export const policyConditionSuite = <Settings, Known = object>(
  name: string,
  suite: PolicyConditionSuite<Settings, Known>,
): void => {
  describe(`policy condition ${name}`, () => {
    const declared = Object.entries<Reads<unknown>>(suite.facts ?? {})
    const moment = moments()
    const settings = fc.constantFrom(...parsedSettings(suite))
    const samplesOf = (as: string): unknown[] =>
      (suite.known ?? []).flatMap((known) => (as in known ? [known[as]] : []))
    const anyValues = fc.record(
      Object.fromEntries(declared.map(([as, token]) => [as, anyValueOf(token, samplesOf(as))])),
    )
    const facts = fc
      .tuple(anyValues, fc.constantFrom<Readonly<Record<string, unknown>>>({}, ...(suite.known ?? [])))
      .chain(([any, known]) => {
        const values = { ...any, ...known }
        // A declared fact that is unknown denies before a condition is asked, unless it is optional.
        const optional = declared.filter(([, { isOptional }]) => isOptional).map(([as]) => as)
        return fc.subarray(optional).map((absent) => {
          const kept = Object.entries(values).filter(([as]) => !absent.includes(as))
          return Object.fromEntries(kept.map(([as, value]) => [as, factOf(value)])) as Known
        })
      })

    it('a condition never throws on settings that its schema lets through, and always gives a reason', () => {
      const condition = suite.create()
      fc.assert(
        fc.property(settings, facts, moment, (chosen, known, at) => {
          const verdict = condition.evaluate({ settings: chosen, facts: known, at })
          expect(verdict.holds).to.be.a('boolean')
          expect(verdict.reason).to.be.a('string').with.length.within(1, 500)
        }),
      )
    })

    it('a condition answers at once, and not with a promise', () => {
      const condition = suite.create()
      fc.assert(
        fc.property(settings, facts, moment, (chosen, known, at) => {
          const verdict: object = condition.evaluate({ settings: chosen, facts: known, at })
          expect(verdict).not.to.have.property('then')
        }),
      )
    })

    it('a condition is deterministic: neither the order of questions nor the instance matters', () => {
      const condition = suite.create()
      fc.assert(
        fc.property(fc.array(fc.tuple(settings, facts, moment), { minLength: 1, maxLength: 8 }), (questions) => {
          const ask = (one: PolicyCondition<Settings, Known>, [chosen, known, at]: [Settings, Known, UnixTime]) =>
            one.evaluate({ settings: chosen, facts: known, at })
          const forwards = questions.map((question) => ask(condition, question))
          const backwards = questions.toReversed().map((question) => ask(suite.create(), question))
          expect(backwards.toReversed()).to.deep.equal(forwards)
        }),
      )
    })

    it('a condition reads the facts that it declares and no others, and changes nothing', () => {
      const condition = suite.create()
      const names: readonly PropertyKey[] = declared.map(([as]) => as)
      fc.assert(
        fc.property(settings, facts, moment, (chosen, known, at) => {
          const before = JSON.stringify(chosen)
          const guarded = new Proxy(Object.freeze({ ...known }), {
            get: (target, key) => {
              if (typeof key === 'string' && !names.includes(key)) throw new Error(`reads ${key} undeclared`)
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

    it('a condition gives an end that is a boundary: the verdict is the same just before, and is another one then', () => {
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

    it('a condition never says that it holds without an end and then stops holding', () => {
      const condition = suite.create()
      fc.assert(
        fc.property(settings, facts, moment, fc.integer({ min: 0, max: 400 * DAY }), (chosen, known, at, later) => {
          const ask = (when: number): ConditionVerdict =>
            condition.evaluate({ settings: chosen, facts: known, at: unixTime(when) })
          const verdict = ask(at)
          if (!verdict.holds || verdict.until !== undefined) return
          for (const wait of [...LATER, later]) expect(ask(at + wait).holds, `${wait} ms later`).to.equal(true)
        }),
      )
    })

    it('judges by the moment that it is asked about, and by no clock', () => {
      const condition = suite.create()
      fc.assert(
        fc.property(settings, facts, moment, (chosen, known, at) => {
          const { reads } = withoutClocks(() => condition.evaluate({ settings: chosen, facts: known, at }))
          expect(reads, 'clocks that it reads').to.deep.equal([])
        }),
      )
    })

    settingsSchemaSuite(suite)
  })
}

/** Waits after which whatever goes by hours, days or weeks has changed at least once. */
const LATER = [1, 3, 6, 9, 12, 18]
  .map((hours) => hours * HOUR)
  .concat([1, 2, 3, 4, 5, 6, 30, 180].map((days) => days * DAY))
