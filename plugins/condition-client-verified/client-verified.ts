import type { ConditionQuestion, ConditionVerdict, Fact, PolicyCondition } from 'portreeve'
import type { Settings } from './config.ts'

export interface Known {
  isVerified: Fact<boolean>
}

/** Condition on whether an admin has verified the device. */
export class ClientVerified implements PolicyCondition<Settings, Known> {
  evaluate({ settings, facts }: ConditionQuestion<Settings, Known>): ConditionVerdict {
    const isVerified = facts.isVerified.value
    const reason = `the device is ${isVerified ? 'verified' : 'not verified'}`
    if (isVerified === settings.verified) return { holds: true, reason }
    const told = isVerified
      ? 'this policy is for devices that no admin has verified'
      : 'no admin has verified this device yet; ask one'
    return { holds: false, reason, told }
  }
}
