import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import type { GatewayCandidate, GatewaySelector } from '../../core/contract/gateway-selector.ts'
import { parsedSettings, settingsSchemaSuite, type SettingsSchemaSuite } from './settings-schema.ts'

export interface GatewaySelectorSuite<Settings> extends SettingsSchemaSuite<Settings> {
  /** A fresh one; with a seeded random source, if it has any. */
  create: () => GatewaySelector<Settings>
}

const candidate: fc.Arbitrary<GatewayCandidate> = fc.record({
  id: fc.uuid(),
  name: fc.string(),
  version: fc.oneof(fc.constantFrom('0.1.0', '1.6.0', ''), fc.string()),
  connectedClients: fc.nat(100_000),
})

const candidates = fc
  .uniqueArray(candidate, { minLength: 1, maxLength: 20, selector: ({ id }) => id })
  .map((some) => some as [GatewayCandidate, ...GatewayCandidate[]])

/** What every gateway selector promises. */
export const gatewaySelectorSuite = <Settings>(name: string, suite: GatewaySelectorSuite<Settings>): void => {
  describe(`gateway selector ${name}`, () => {
    const settings = fc.constantFrom(...parsedSettings(suite))
    const question = fc.record({ settings, candidates, clientId: fc.uuid(), resourceId: fc.uuid() })

    it('names one of the candidates and says why', () => {
      const selector = suite.create()
      fc.assert(
        fc.property(question, (asked) => {
          const { gatewayId, reason } = selector.select(asked)
          expect(asked.candidates.map(({ id }) => id)).to.include(gatewayId)
          expect(reason).to.be.a('string').with.length.within(1, 500)
        }),
      )
    })

    it('answers at once, and not with a promise', () => {
      const selector = suite.create()
      fc.assert(
        fc.property(question, (asked) => {
          const selection: object = selector.select(asked)
          expect(selection).not.to.have.property('then')
        }),
      )
    })

    it('takes the only candidate there is', () => {
      const selector = suite.create()
      fc.assert(
        fc.property(question, candidate, (asked, only) => {
          expect(selector.select({ ...asked, candidates: [only] }).gatewayId).to.equal(only.id)
        }),
      )
    })

    it('gives the same answers to the same questions from the same randomness', () => {
      fc.assert(
        fc.property(fc.array(question, { minLength: 1, maxLength: 8 }), (questions) => {
          const [first, second] = [suite.create(), suite.create()]
          const answers = questions.map((asked) => first.select(asked))
          expect(questions.map((asked) => second.select(asked))).to.deep.equal(answers)
        }),
      )
    })

    it('leaves the question as it is', () => {
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
