import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { FactName } from '../../../../core/policy/known-facts.ts'
import type { PolicyExplanation } from '../../../../core/policy/policy-verdict.ts'
import { personalReason, violatedProperties } from '../../../../hosts/portal/wire/denial.ts'

describe('what a person is told of a denial', () => {
  it('leaves out facts that a plugin declares and that do not exist', () => {
    const reads = ['moonPhase', 'remoteIp', 'constructor'] as unknown as FactName[]
    const reason = 'the fact moonPhase is unknown'
    const judged = {
      condition: 'moon',
      judgedBy: 'moon 1',
      reads,
      facts: { remoteIp: '192.0.2.1' },
      holds: false,
      reason,
    }
    const explanation: PolicyExplanation = {
      policyId: 'p',
      groupId: 'g',
      description: null,
      mode: 'enforced',
      outcome: 'fails',
      conditions: [judged],
    }
    expect(violatedProperties([explanation])).to.deep.equal(['remote_ip'])
    expect(personalReason(judged)).to.equal(`a condition of this policy is not met: ${reason}`)
  })

  it('says to a person what a condition has for her, in words of its own where it has none, and never its name', () => {
    const judged = {
      condition: 'remote-ip',
      judgedBy: 'condition-remote-ip 1',
      reads: ['remoteIp'] as const,
      facts: { remoteIp: '192.0.2.1' },
      holds: false,
      reason: 'the address is in none of the ranges',
    }
    expect(personalReason({ ...judged, told: 'your address is not allowed' })).to.equal('your address is not allowed')
    expect(personalReason(judged)).to.equal(
      'a condition of this policy is not met: the address is in none of the ranges',
    )
    expect(personalReason({ ...judged, facts: {} })).to.equal('your address is not known')
    const { judgedBy: _, ...unjudged } = judged
    expect(personalReason(unjudged)).to.contain('cannot be judged').and.contain('tell an admin')
  })
})
