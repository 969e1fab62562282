import type { ConditionQuestion, ConditionVerdict, FactName, PolicyCondition } from 'portreeve'
import type { Settings } from './config.ts'

/** Judges by whether an admin has vouched for the device. */
export class ClientVerified implements PolicyCondition<Settings> {
  readonly facts: readonly FactName[] = ['clientVerified']

  evaluate({ settings, facts }: ConditionQuestion<Settings>): ConditionVerdict {
    const isVerified = facts.clientVerified === true
    const reason = `the device is ${isVerified ? 'verified' : 'not verified'}`
    return { holds: isVerified === settings.verified, reason }
  }
}
