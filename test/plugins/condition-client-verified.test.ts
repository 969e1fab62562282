import { expect } from 'chai'
import { describe, it } from 'mocha'
import { Facts } from '../../core/contract/facts.ts'
import { unixTime } from '../../core/runtime/time.ts'
import { ClientVerified } from '../../plugins/condition-client-verified/client-verified.ts'
import { Settings } from '../../plugins/condition-client-verified/config.ts'
import { policyConditionSuite } from '../conformance/policy-condition.ts'
import { fact } from '../kit/facts.ts'

policyConditionSuite('client-verified', {
  create: () => new ClientVerified(),
  schema: Settings,
  settings: [{}, { verified: true }, { verified: false }],
  refused: [{ verified: 'yes' }, { verified: null }, { trusted: true }],
  facts: { isVerified: Facts.device.isVerified },
  known: [{ isVerified: true }, { isVerified: false }],
})

describe('client-verified', () => {
  const ask = (settings: unknown, value: boolean) =>
    new ClientVerified().evaluate({
      settings: Settings.parse(settings),
      facts: { isVerified: fact(value) },
      at: unixTime(0),
    })

  it('client-verified allows verified devices, and says what the device is', () => {
    expect(ask({}, true)).to.deep.equal({ holds: true, reason: 'the device is verified' })
    expect(ask({}, false)).to.deep.equal({
      holds: false,
      reason: 'the device is not verified',
      told: 'no admin has verified this device yet; ask one',
    })
  })

  it('client-verified allows only unverified devices where it is to be so', () => {
    expect(ask({ verified: false }, false).holds).to.equal(true)
    expect(ask({ verified: false }, true).holds).to.equal(false)
  })
})
