import { expect } from 'chai'
import { describe, it } from 'mocha'
import { Facts } from '../../core/contract/facts.ts'
import { unixTime } from '../../core/runtime/time.ts'
import { Settings } from '../../plugins/condition-identity-provider/config.ts'
import { SignedInBy } from '../../plugins/condition-identity-provider/signed-in-by.ts'
import { policyConditionSuite } from '../conformance/policy-condition.ts'
import { fact } from '../kit/facts.ts'

const A = '8dcad00c-ee83-4379-b1cb-7e480ca8d273'
const B = '8dcad00c-ee83-4379-b1cb-7e480ca8d274'

policyConditionSuite('identity-provider', {
  create: () => new SignedInBy(),
  schema: Settings,
  settings: [{ ids: [A] }, { operator: 'in', ids: [A, B] }, { operator: 'not_in', ids: [B] }],
  refused: [{}, { ids: [] }, { ids: ['google'] }, { operator: 'is', ids: [A] }],
  facts: { providerId: Facts.signIn.providerId },
  known: [{ providerId: A }, { providerId: B }],
})

describe('identity-provider', () => {
  const holds = (settings: unknown, value: string) =>
    new SignedInBy().evaluate({
      settings: Settings.parse(settings),
      facts: { providerId: fact(value) },
      at: unixTime(0),
    }).holds

  it('identity-provider allows those who signed in by one of the named', () => {
    expect(holds({ ids: [A.toUpperCase()] }, A)).to.equal(true)
    expect(holds({ ids: [A] }, B)).to.equal(false)
  })

  it('identity-provider with not_in allows all others, but nobody without a provider', () => {
    expect(holds({ operator: 'not_in', ids: [A] }, A)).to.equal(false)
    expect(holds({ operator: 'not_in', ids: [A] }, B)).to.equal(true)
    expect(holds({ operator: 'not_in', ids: [A] }, '')).to.equal(false)
  })
})
