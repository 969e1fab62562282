import type { BroughtFact, Extensions } from '../../../core/contract/extension-point.ts'
import type { FactSource } from '../../../core/contract/fact-source.ts'
import type { ClientFact } from '../../../core/control/messages.ts'
import { after, unixTime, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import type { SaidFact } from '../decide/request-facts.ts'
import type { Authorization } from '../store/entities.ts'
import type { Agenda, Appointment } from './agenda.ts'
import type { ClientConnection } from './connections.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import { factsRead, type Grants } from './grants.ts'
import type { Drop } from './portal-output.ts'
import type { Whereabouts } from './whereabouts.ts'

export interface SaidFactsNeeds {
  /** Plugins that bring facts; only those whose facts come from clients matter here. */
  factSources?: Extensions<FactSource> | undefined
  whereabouts: Whereabouts
  grants: Pick<Grants, 'ofClient'>
  keeper: Pick<GrantKeeper, 'reexamine'>
  agenda: Agenda
  unixAt: (now: Instant) => UnixTime
  drop: Drop
}

/**
 * Facts that clients say of their own machines. A client can only say facts that a plugin here declares as such, and only
 * of itself. What changes or becomes too old is judged again at once.
 */
export class SaidFacts {
  readonly #needs: SaidFactsNeeds
  readonly #declared: ReadonlyMap<string, BroughtFact>
  /** Times at which facts become too old, by client id and then by the fact's name. */
  readonly #expiries = new Map<string, Map<string, Appointment>>()

  constructor(needs: SaidFactsNeeds) {
    this.#needs = needs
    this.#declared = new Map(
      [...(needs.factSources?.values() ?? [])].flatMap(({ brings }): [string, BroughtFact][] =>
        brings?.fact.from === 'client' ? [[brings.fact.name, brings]] : [],
      ),
    )
  }

  /** Names of the facts that clients are asked for. */
  get wanted(): readonly string[] {
    return [...this.#declared.keys()]
  }

  /** Takes over what a client says, and judges its grants again that rest on what changed. */
  hear(connection: ClientConnection, facts: readonly ClientFact[], now: Instant): void {
    const { whereabouts, drop } = this.#needs
    const { peerId: clientId } = connection
    const place = whereabouts.get(clientId)
    if (place === undefined) return
    if (!connection.factAllowance.take(now)) return drop('too-many-facts')
    const said = new Map(place.said)
    const changed = new Set<string>()
    for (const { name, value, age_ms: age = 0 } of facts) {
      const brings = this.#declared.get(name)
      if (brings === undefined) {
        drop('fact-not-wanted')
        continue
      }
      const before = said.get(name)
      const fact = value === undefined ? undefined : this.#checked({ brings, value, age, before }, now)
      if (fact?.text !== before?.text) changed.add(name)
      if (fact === undefined) said.delete(name)
      else said.set(name, fact)
      this.#watch(clientId, name, fact && after(now, brings.goodForMs - age))
    }
    whereabouts.set(clientId, { ...place, said })
    this.#judgeReaders(clientId, changed, now)
  }

  /**
   * Restores what a client had said when it was granted an authorization, for a client that is not connected yet after a
   * restart of the portal.
   */
  restore({ clientId, decision }: Authorization, now: Instant): void {
    const { whereabouts } = this.#needs
    const place = whereabouts.get(clientId)
    if (place === undefined) return
    const said = new Map(place.said)
    for (const [name, { value, since }] of Object.entries(decision?.facts ?? {})) {
      const brings = this.#declared.get(name)
      if (brings === undefined || said.has(name)) continue
      const fact = this.#checked({ brings, value, age: 0, before: undefined }, now)
      if (fact === undefined) continue
      said.set(name, { ...fact, since })
      this.#watch(clientId, name, after(now, brings.goodForMs))
    }
    whereabouts.set(clientId, { ...place, said })
  }

  #checked(
    {
      brings: { schema, goodForMs },
      value,
      age,
      before,
    }: { brings: BroughtFact; value: unknown; age: number; before: SaidFact | undefined },
    now: Instant,
  ): SaidFact | undefined {
    const verdict = schema.safeParse(value)
    // A value that does not fit makes the fact unknown: the earlier one is not true any more.
    if (!verdict.ok) this.#needs.drop('fact-does-not-fit')
    if (!verdict.ok || age >= goodForMs) return undefined
    const at = this.#needs.unixAt(now)
    const text = JSON.stringify(verdict.settings)
    const validUntil = unixTime(at + goodForMs - age)
    return { value: verdict.settings, text, since: before?.text === text ? before.since : at, validUntil }
  }

  #watch(clientId: string, name: string, end: Instant | undefined): void {
    const { agenda } = this.#needs
    const ends = this.#expiries.get(clientId) ?? new Map<string, Appointment>()
    agenda.cancel(ends.get(name))
    ends.delete(name)
    if (end !== undefined) {
      ends.set(
        name,
        agenda.add(end, 'a fact of a client is too old', (now) => this.#expire(clientId, name, now)),
      )
    }
    if (ends.size === 0) this.#expiries.delete(clientId)
    else this.#expiries.set(clientId, ends)
  }

  #expire(clientId: string, name: string, now: Instant): void {
    const { whereabouts } = this.#needs
    this.#watch(clientId, name, undefined)
    const place = whereabouts.get(clientId)
    if (place?.said?.has(name) !== true) return
    const said = new Map(place.said)
    said.delete(name)
    whereabouts.set(clientId, { ...place, said })
    this.#judgeReaders(clientId, new Set([name]), now)
  }

  #judgeReaders(clientId: string, changed: ReadonlySet<string>, now: Instant): void {
    if (changed.size === 0) return
    for (const grant of this.#needs.grants.ofClient(clientId)) {
      const read = factsRead(grant)
      if ([...changed].some((name) => read.has(name))) this.#needs.keeper.reexamine(grant, now)
    }
  }
}
