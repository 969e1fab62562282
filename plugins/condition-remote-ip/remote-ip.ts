import type { ConditionQuestion, ConditionVerdict, Fact, PolicyCondition } from 'portreeve'
import { includes, parseAddress, parseRange, type AddressRange } from './address-range.ts'
import type { Settings } from './config.ts'

export interface Known {
  address: Fact<string>
}

/** Condition on the IP address from which the client is connected to the portal. */
export class RemoteIp implements PolicyCondition<Settings, Known> {
  readonly #parsed = new WeakMap<Settings, readonly AddressRange[]>()
  /** Last parsed address: several policies in a row ask about the same. */
  #last: { text: string; bytes: readonly number[] | undefined } = { text: '', bytes: undefined }

  evaluate({ settings, facts }: ConditionQuestion<Settings, Known>): ConditionVerdict {
    const address = this.#address(facts.address.value)
    if (address === undefined) return { holds: false, reason: 'the address is not one' }
    const index = this.#ranges(settings).findIndex((range) => includes(range, address))
    const range = settings.ranges[index]
    if (settings.operator === 'in') {
      return range === undefined
        ? {
            holds: false,
            reason: 'the address is in none of the ranges',
            told: `your address, ${facts.address.value}, is not in the ranges that this policy allows`,
          }
        : { holds: true, reason: `the address is in ${range}` }
    }
    return range === undefined
      ? { holds: true, reason: 'the address is in none of the ranges' }
      : {
          holds: false,
          reason: `the address is in ${range}`,
          told: `your address, ${facts.address.value}, is in a range that this policy does not allow`,
        }
  }

  #address(text: string): readonly number[] | undefined {
    if (text !== this.#last.text) this.#last = { text, bytes: parseAddress(text) }
    return this.#last.bytes
  }

  #ranges(settings: Settings): readonly AddressRange[] {
    const known = this.#parsed.get(settings)
    if (known !== undefined) return known
    const ranges = settings.ranges.flatMap((text) => parseRange(text) ?? [])
    this.#parsed.set(settings, ranges)
    return ranges
  }
}
