import { expect } from 'chai'
import { describe, it } from 'mocha'
import { unixTime } from '../../core/runtime/time.ts'
import { Settings } from '../../plugins/condition-identity-provider/config.ts'
import { SignedInBy } from '../../plugins/condition-identity-provider/signed-in-by.ts'
import { policyConditionSuite } from '../conformance/policy-condition.ts'

const A = '8dcad00c-ee83-4379-b1cb-7e480ca8d273'
const B = '8dcad00c-ee83-4379-b1cb-7e480ca8d274'

policyConditionSuite('identity-provider', {
  create: () => new SignedInBy(),
  schema: Settings,
  settings: [{ ids: [A] }, { operator: 'in', ids: [A, B] }, { operator: 'not_in', ids: [B] }],
  refused: [{}, { ids: [] }, { ids: ['google'] }, { operator: 'is', ids: [A] }],
  facts: [{ identityProviderId: A }, { identityProviderId: B }],
})

describe('identity-provider', () => {
  const holds = (settings: unknown, identityProviderId: string) =>
    new SignedInBy().evaluate({ settings: Settings.parse(settings), facts: { identityProviderId }, at: unixTime(0) })
      .holds

  it('allows those who signed in by one of the named', () => {
    expect(holds({ ids: [A.toUpperCase()] }, A)).to.equal(true)
    expect(holds({ ids: [A] }, B)).to.equal(false)
  })

  it('not_in allows all others, but nobody without a provider', () => {
    expect(holds({ operator: 'not_in', ids: [A] }, A)).to.equal(false)
    expect(holds({ operator: 'not_in', ids: [A] }, B)).to.equal(true)
    expect(holds({ operator: 'not_in', ids: [A] }, '')).to.equal(false)
  })
})
