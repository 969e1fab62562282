import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { PolicyExplanation } from '../../../../core/policy/policy-verdict.ts'
import { fact } from '../../../kit/facts.ts'
import { personalReason, violatedProperties } from '../../../../hosts/portal/wire/denial.ts'

describe('what a person is told of a denial', () => {
  it('a denial leaves out facts that a plugin declares and that do not exist', () => {
    const reads = ['moon.phase', 'client.address', 'constructor']
    const reason = 'the fact moon.phase is unknown'
    const judged = {
      condition: 'moon',
      judgedBy: 'moon 1',
      reads,
      facts: { 'client.address': fact('192.0.2.1') },
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

  it('a denial tells a person what a condition has for her, in words of its own where it has none, and never its name', () => {
    const judged = {
      condition: 'remote-ip',
      judgedBy: 'condition-remote-ip 1',
      reads: ['client.address'],
      facts: { 'client.address': fact('192.0.2.1') },
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
