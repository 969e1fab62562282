import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { FactName } from '../../../../core/contract/policy-condition.ts'
import type { PolicyExplanation } from '../../../../core/policy/policy-verdict.ts'
import { personalReason, violatedProperties } from '../../../../hosts/portal/control/denial.ts'

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
    expect(personalReason(judged)).to.equal(reason)
  })
})
