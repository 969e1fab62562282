import type { FactTable } from '../../../core/contract/fact-source.ts'
import { after, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import { Facts } from '../../../core/contract/facts.ts'
import type { View } from '../decide/view.ts'
import type { BroughtFacts } from '../decide/brought-facts.ts'
import type { Agenda, Appointment } from './agenda.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import { factsRead, type Grant, type Grants } from './grants.ts'

export interface FactNewsNeeds {
  brought: BroughtFacts
  view: Pick<View, 'clientsOf'>
  grants: Pick<Grants, 'ofFact' | 'ofClient' | 'ofResource'>
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
    const changed = brought.take(name, table, unixAt(now))
    agenda.cancel(this.#expiries.get(name))
    this.#expiries.set(
      name,
      agenda.add(after(now, goodForMs), 'a fact is too old', (then) => {
        if (brought.expire(name)) this.#judgeReaders(name, 'all', then)
      }),
    )
    this.#judgeReaders(name, changed, now)
  }

  #judgeReaders(name: string, keys: ReadonlySet<string> | 'all', now: Instant): void {
    if (keys !== 'all' && keys.size === 0) return
    for (const grant of this.#readers(name, keys)) this.#needs.keeper.reexamine(grant, now)
  }

  /**
   * Returns the grants that rest on a fact, at least those for which it is looked up by one of the keys: found by index
   * where such a key is for good, as an id is.
   */
  #readers(name: string, keys: ReadonlySet<string> | 'all'): readonly Grant[] {
    const { brought, view, grants } = this.#needs
    const by = brought.keyOf(name)
    const ofKey =
      by === Facts.device.id.name
        ? (id: string) => grants.ofClient(id)
        : by === Facts.actor.id.name
          ? (id: string) => [...view.clientsOf(id)].flatMap((clientId) => grants.ofClient(clientId))
          : by === Facts.resource.id.name
            ? (id: string) => grants.ofResource(id)
            : undefined
    if (keys === 'all' || ofKey === undefined) return grants.ofFact(name)
    return [...keys].flatMap(ofKey).filter((grant) => factsRead(grant).has(name))
  }
}
