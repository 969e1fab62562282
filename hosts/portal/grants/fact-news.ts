import type { FactTable } from '../../../core/contract/fact-source.ts'
import { after, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import type { BroughtFacts } from '../decide/brought-facts.ts'
import type { Agenda, Appointment } from './agenda.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import type { Grants } from './grants.ts'

export interface FactNewsNeeds {
  brought: BroughtFacts
  grants: Pick<Grants, 'ofFact'>
  keeper: Pick<GrantKeeper, 'reexamine'>
  agenda: Agenda
  unixAt: (now: Instant) => UnixTime
}

/** Takes over what plugins bring, and judges the grants again that rest on what changed or became too old. */
export class FactNews {
  readonly #needs: FactNewsNeeds
  readonly #expiries = new Map<string, Appointment>()

  constructor(needs: FactNewsNeeds) {
    this.#needs = needs
  }

  /** A source has brought a snapshot, which was checked. */
  learned(name: string, table: FactTable, now: Instant): void {
    const { brought, agenda, unixAt } = this.#needs
    const goodForMs = brought.goodForMs(name)
    if (goodForMs === undefined) return
    const isChanged = brought.take(name, table, unixAt(now))
    agenda.cancel(this.#expiries.get(name))
    this.#expiries.set(
      name,
      agenda.add(after(now, goodForMs), 'a fact is too old', (then) => {
        if (brought.expire(name)) this.#judgeReaders(name, then)
      }),
    )
    if (isChanged) this.#judgeReaders(name, now)
  }

  #judgeReaders(name: string, now: Instant): void {
    for (const grant of this.#needs.grants.ofFact(name)) this.#needs.keeper.reexamine(grant, now)
  }
}
