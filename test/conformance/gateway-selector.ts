import type { Arbitrary } from 'fast-check'
import type { Fact, Reads } from '../../core/contract/facts.ts'
import type {
  GatewayCandidate,
  GatewaySelector,
  SelectionQuestion,
  Unsure,
} from '../../core/contract/gateway-selector.ts'
import { anyValueOf, factOf } from './any-fact.ts'
import { parsedSettings, settingsSchemaSuite, type SettingsSchemaSuite } from './settings-schema.ts'
import { expect, fc } from './libraries.ts'
import { describe, it } from './runner.ts'

export interface GatewaySelectorSuite<
  Settings,
  Known = object,
  OfCandidate = object,
> extends SettingsSchemaSuite<Settings> {
  /** Makes a selector, with a seeded random source if it needs any. */
  create: () => GatewaySelector<Settings, Known, OfCandidate>
  /** Facts of the request that the selector declares. */
  facts?: { [As in keyof Known]: Reads<Known[As], 'request'> }
  /** Facts of a candidate that the selector declares. */
  candidateFacts?: { [As in keyof OfCandidate]: Reads<OfCandidate[As], 'candidate'> }
}

/** Facts of which any may be unknown. */
const unsure = <Known>(declared: object = {}): Arbitrary<Unsure<Known>> => {
  const facts: Record<string, Arbitrary<Fact<unknown>>> = {}
  for (const [as, token] of Object.entries(declared) as [string, Reads<unknown>][]) {
    facts[as] = anyValueOf(token).map(factOf)
  }
  return fc.record(facts, { requiredKeys: [] }) as Arbitrary<unknown> as Arbitrary<Unsure<Known>>
}

/** Tests that every gateway selector passes. */
export const gatewaySelectorSuite = <Settings, Known = object, OfCandidate = object>(
  name: string,
  suite: GatewaySelectorSuite<Settings, Known, OfCandidate>,
): void => {
  describe(`gateway selector ${name}`, () => {
    const candidate: Arbitrary<GatewayCandidate<OfCandidate>> = fc.record({
      id: fc.uuid(),
      name: fc.string(),
      facts: unsure<OfCandidate>(suite.candidateFacts),
    })
    const candidates = fc
      .uniqueArray(candidate, { minLength: 1, maxLength: 20, selector: ({ id }) => id })
      .map((some) => some as [GatewayCandidate<OfCandidate>, ...GatewayCandidate<OfCandidate>[]])
    const settings = fc.constantFrom(...parsedSettings(suite))
    const question: Arbitrary<SelectionQuestion<Settings, Known, OfCandidate>> = fc.record({
      settings,
      candidates,
      facts: unsure<Known>(suite.facts),
      clientId: fc.uuid(),
      resourceId: fc.uuid(),
    })

    it('a selector names one of the candidates and says why', () => {
      const selector = suite.create()
      fc.assert(
        fc.property(question, (asked) => {
          const { gatewayId, reason } = selector.select(asked)
          expect(asked.candidates.map(({ id }) => id)).to.include(gatewayId)
          expect(reason).to.be.a('string').with.length.within(1, 500)
        }),
      )
    })

    it('a selector answers at once, and not with a promise', () => {
      const selector = suite.create()
      fc.assert(
        fc.property(question, (asked) => {
          const selection: object = selector.select(asked)
          expect(selection).not.to.have.property('then')
        }),
      )
    })

    it('a selector takes the only candidate there is', () => {
      const selector = suite.create()
      fc.assert(
        fc.property(question, candidate, (asked, only) => {
          expect(selector.select({ ...asked, candidates: [only] }).gatewayId).to.equal(only.id)
        }),
      )
    })

    it('a selector gives the same answers to the same questions from the same randomness', () => {
      fc.assert(
        fc.property(fc.array(question, { minLength: 1, maxLength: 8 }), (questions) => {
          const [first, second] = [suite.create(), suite.create()]
          const answers = questions.map((asked) => first.select(asked))
          expect(questions.map((asked) => second.select(asked))).to.deep.equal(answers)
        }),
      )
    })

    it('a selector leaves the question as it is', () => {
      const selector = suite.create()
      fc.assert(
        fc.property(question, (asked) => {
          const before = JSON.stringify(asked)
          selector.select(asked)
          expect(JSON.stringify(asked)).to.equal(before)
        }),
      )
    })

    settingsSchemaSuite(suite)
  })
}
