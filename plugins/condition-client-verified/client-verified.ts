import type { ConditionQuestion, ConditionVerdict, FactName, PolicyCondition } from 'portreeve'
import type { Settings } from './config.ts'

/** Judges by whether an admin has vouched for the device. */
export class ClientVerified implements PolicyCondition<Settings> {
  readonly facts: readonly FactName[] = ['clientVerified']

  evaluate({ settings, facts }: ConditionQuestion<Settings>): ConditionVerdict {
    const isVerified = facts.clientVerified === true
    const reason = `the device is ${isVerified ? 'verified' : 'not verified'}`
    if (isVerified === settings.verified) return { holds: true, reason }
    const told = isVerified
      ? 'this policy is for devices that no admin has verified'
      : 'no admin has verified this device yet; ask one'
    return { holds: false, reason, told }
  }
}
