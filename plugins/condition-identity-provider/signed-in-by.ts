import type { ConditionQuestion, ConditionVerdict, FactName, PolicyCondition } from 'portreeve'
import type { Settings } from './config.ts'

/** Judges by the identity provider that the token in use was obtained from. */
export class SignedInBy implements PolicyCondition<Settings> {
  readonly facts: readonly FactName[] = ['identityProviderId']

  evaluate({ settings, facts }: ConditionQuestion<Settings>): ConditionVerdict {
    const id = facts.identityProviderId?.toLowerCase() ?? ''
    const listed = settings.ids.includes(id)
    const reason = `the identity provider of the sign-in is ${listed ? 'one of those named' : 'none of those named'}`
    return { holds: id !== '' && listed === (settings.operator === 'in'), reason }
  }
}
