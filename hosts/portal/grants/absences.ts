import type { FactName } from '../../../core/contract/policy-condition.ts'
import type { ConditionExplanation } from '../../../core/policy/evaluate-condition.ts'
import { after, type Instant } from '../../../core/runtime/time.ts'
import type { Appointment } from './agenda.ts'
import type { Context } from './context.ts'
import type { GrantKeeper } from './grant-keeper.ts'

/** Whether a fact is one of the connection itself, and not of the device or the token. */
const OF_CONNECTION: Readonly<Record<FactName, boolean>> = {
  remoteIp: true,
  identityProviderId: false,
  clientVerified: false,
}

/** Whether a grant by these conditions rests on facts that only a connection of the client can show (P11). */
export const restsOnConnection = (conditions: readonly ConditionExplanation[]): boolean =>
  conditions.some(({ reads }) => reads.some((name) => Object.hasOwn(OF_CONNECTION, name) && OF_CONNECTION[name]))

/**
 * Clients that hold grants and are not connected. After minutes it counts for nothing where one was: grants that rest on that are judged
 * without it, and end. After a day or so the others end as well. A portal that is down ends nothing.
 */
export class Absences {
  readonly #context: Context
  readonly #keeper: GrantKeeper
  readonly #absent = new Map<string, { place: Appointment; all: Appointment }>()

  constructor(context: Context, keeper: GrantKeeper) {
    this.#context = context
    this.#keeper = keeper
  }

  /** The client's connection has ended. */
  left(clientId: string, now: Instant): void {
    const { agenda, limits } = this.#context
    this.returned(clientId)
    this.#absent.set(clientId, {
      place: agenda.add(after(now, limits.placeMs), 'a client is away', (then) => this.#forgetPlace(clientId, then)),
      all: agenda.add(after(now, limits.absenceMs), 'a client is gone', (then) => this.#endAll(clientId, then)),
    })
  }

  /** The client is connected again. */
  returned(clientId: string): void {
    const absent = this.#absent.get(clientId)
    this.#absent.delete(clientId)
    this.#context.agenda.cancel(absent?.place)
    this.#context.agenda.cancel(absent?.all)
  }

  /** A gateway has brought its grants here: clients of theirs that are not here have from now on as long as those that left now. */
  gatewayAdopted(gatewayId: string, now: Instant): void {
    const { grants, presence } = this.#context
    for (const { row } of grants.ofGateway(gatewayId)) {
      const { clientId } = row
      if (presence.clientConnection(clientId) === undefined && !this.#absent.has(clientId)) this.left(clientId, now)
    }
  }

  #forgetPlace(clientId: string, now: Instant): void {
    const { grants, whereabouts } = this.#context
    whereabouts.delete(clientId)
    for (const grant of grants.ofClient(clientId)) {
      const { decision } = grant.row
      if (decision !== null && !restsOnConnection(decision.conditions)) continue
      this.#keeper.reexamine(grant, now, 'connection_ended')
    }
  }

  #endAll(clientId: string, now: Instant): void {
    this.#absent.delete(clientId)
    for (const grant of this.#context.grants.ofClient(clientId)) {
      this.#keeper.withdraw(grant, { reason: 'client_away' }, now)
    }
  }
}
