import type { ConditionQuestion, ConditionVerdict, FactName, PolicyCondition } from 'portreeve'
import type { Settings } from './config.ts'

/** Judges by the identity provider that the token in use was obtained from. */
export class SignedInBy implements PolicyCondition<Settings> {
  readonly facts: readonly FactName[] = ['identityProviderId']

  evaluate({ settings, facts }: ConditionQuestion<Settings>): ConditionVerdict {
    const id = facts.identityProviderId?.toLowerCase() ?? ''
    const listed = settings.ids.includes(id)
    const reason = `the identity provider of the sign-in is ${listed ? 'one of those named' : 'none of those named'}`
    if (id !== '' && listed === (settings.operator === 'in')) return { holds: true, reason }
    return { holds: false, reason, told: 'this policy is for people who sign in another way than you did' }
  }
}
