import { after, unixTime, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import { dependsOnConnection } from '../decide/connection-facts.ts'
import type { Presence } from '../decide/presence.ts'
import type { Agenda, Appointment } from './agenda.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import type { Grants } from './grants.ts'
import type { Limits } from './limits.ts'
import type { Whereabouts } from './whereabouts.ts'

export interface AbsencesNeeds {
  grants: Grants
  presence: Presence
  whereabouts: Whereabouts
  agenda: Agenda
  limits: Pick<Limits, 'placeMs' | 'absenceMs'>
  keeper: GrantKeeper
  unixAt: (now: Instant) => UnixTime
}

/**
 * Tracks clients that hold grants but are not connected. After a few minutes (`placeMs`) their last known address
 * counts for nothing: grants that depend on the connection are judged without it, and end. After a day or so
 * (`absenceMs`) all their other grants end. Time while the portal is down does not count.
 */
export class Absences {
  readonly #needs: AbsencesNeeds
  readonly #absent = new Map<string, { place: Appointment; all: Appointment }>()

  constructor(needs: AbsencesNeeds) {
    this.#needs = needs
  }

  /** Starts the timers of a client whose connection ended. */
  left(clientId: string, now: Instant): void {
    const { agenda, limits, whereabouts, unixAt } = this.#needs
    this.returned(clientId)
    const place = whereabouts.get(clientId)
    if (place !== undefined) {
      whereabouts.set(clientId, { ...place, validUntil: unixTime(unixAt(now) + limits.placeMs) })
    }
    this.#absent.set(clientId, {
      place: agenda.add(after(now, limits.placeMs), 'a client is away', (then) => this.#forgetPlace(clientId, then)),
      all: agenda.add(after(now, limits.absenceMs), 'a client is gone', (then) => this.#endAll(clientId, then)),
    })
  }

  /** Stops the timers of a client that is connected again. */
  returned(clientId: string): void {
    const absent = this.#absent.get(clientId)
    this.#absent.delete(clientId)
    this.#needs.agenda.cancel(absent?.place)
    this.#needs.agenda.cancel(absent?.all)
  }

  /**
   * Starts the timers of absent clients whose grants this process has taken over together with their gateway, as if
   * they had just left.
   */
  gatewayAdopted(gatewayId: string, now: Instant): void {
    const { grants, presence } = this.#needs
    for (const { row } of grants.ofGateway(gatewayId)) {
      const { clientId } = row
      if (presence.clientConnection(clientId) === undefined && !this.#absent.has(clientId)) this.left(clientId, now)
    }
  }

  #forgetPlace(clientId: string, now: Instant): void {
    const { grants, whereabouts } = this.#needs
    whereabouts.delete(clientId)
    for (const grant of grants.ofClient(clientId)) {
      const { decision } = grant.row
      if (decision !== null && !dependsOnConnection(decision.conditions)) continue
      this.#needs.keeper.reexamine(grant, now, { because: 'connection_ended' })
    }
  }

  #endAll(clientId: string, now: Instant): void {
    this.#absent.delete(clientId)
    for (const grant of this.#needs.grants.ofClient(clientId)) {
      this.#needs.keeper.withdraw(grant, { reason: 'client_away' }, now)
    }
  }
}
