import type { ConditionQuestion, ConditionVerdict, Fact, PolicyCondition } from 'portreeve'
import type { Settings } from './config.ts'

export interface Known {
  providerId: Fact<string>
}

/** Condition on the identity provider that the client's token was obtained from. */
export class SignedInBy implements PolicyCondition<Settings, Known> {
  evaluate({ settings, facts }: ConditionQuestion<Settings, Known>): ConditionVerdict {
    const id = facts.providerId.value.toLowerCase()
    const listed = settings.ids.includes(id)
    const reason = `the identity provider of the sign-in is ${listed ? 'one of those named' : 'none of those named'}`
    if (id !== '' && listed === (settings.operator === 'in')) return { holds: true, reason }
    return { holds: false, reason, told: 'this policy is for people who sign in another way than you did' }
  }
}
