import { FEATURES } from '../../../core/control/messages.ts'
import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import { readRef, signedRef } from '../wire/opaque-ref.ts'
import type { Agenda, Appointment } from './agenda.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import type { Drop } from './portal-output.ts'

export interface WithdrawalsNeeds {
  peers: ConnectedPeers
  agenda: Agenda
  /** Signs what a gateway hands back when it acknowledges a withdrawal. */
  refKey: Uint8Array
  drop: Drop
}

/** Place of a grant that a gateway has to end. */
export interface Withdrawal {
  gatewayId: string
  clientId: string
  resourceId: string
}

interface Open extends Withdrawal {
  attempts: number
  retry: Appointment | undefined
}

const ANSWER_WITHIN_MS = SECOND
const MAX_ATTEMPTS = 3

/**
 * Withdrawals of which gateways have not been told yet, or that they have not acknowledged.
 *
 * A gateway that is away is told when it is back. One that acknowledges withdrawals is told again after a second, and after the third time
 * its connection is closed: when it comes back, its `init` lists the grants that stand.
 */
export class Withdrawals {
  readonly #needs: WithdrawalsNeeds
  readonly #open = new Map<string, Open>()

  constructor(needs: WithdrawalsNeeds) {
    this.#needs = needs
  }

  add(withdrawal: Withdrawal, now: Instant): void {
    this.cancel(withdrawal)
    const open: Open = { ...withdrawal, attempts: 0, retry: undefined }
    this.#open.set(keyOf(withdrawal), open)
    this.#tell(open, now)
  }

  /** Forgets a withdrawal: the gateway is granted the same again. */
  cancel(withdrawal: Withdrawal): void {
    const open = this.#open.get(keyOf(withdrawal))
    if (open !== undefined) this.#close(open)
  }

  acknowledged(gatewayId: string, ref: string): void {
    const key = readRef('withdrawal', ref, this.#needs.refKey)
    const open = key === undefined ? undefined : this.#open.get(key)
    if (open?.gatewayId !== gatewayId) return this.#needs.drop('unknown-ref')
    this.#close(open)
  }

  /** Tells a gateway, right after its `init`, which grants it has to end beyond those that it says. */
  gatewayJoined(gatewayId: string): void {
    for (const open of this.#of(gatewayId)) {
      const { clientId, resourceId } = open
      this.#needs.peers.tellGateway(gatewayId, {
        event: 'rejectAccess',
        payload: { client_id: clientId, resource_id: resourceId },
      })
      this.#close(open)
    }
  }

  gatewayLeft(gatewayId: string): void {
    for (const open of this.#of(gatewayId)) {
      this.#needs.agenda.cancel(open.retry)
      open.attempts = 0
    }
  }

  gatewayRemoved(gatewayId: string): void {
    for (const open of this.#of(gatewayId)) this.#close(open)
  }

  get size(): number {
    return this.#open.size
  }

  #tell(open: Open, now: Instant): void {
    const { gatewayId, clientId, resourceId } = open
    const connection = this.#needs.peers.gateway(gatewayId)
    if (connection === undefined) return
    const acknowledges = connection.features.has(FEATURES.acknowledgedReject)
    const ref = acknowledges ? { ref: signedRef('withdrawal', keyOf(open), this.#needs.refKey) } : {}
    this.#needs.peers.tellGateway(gatewayId, {
      event: 'rejectAccess',
      payload: { client_id: clientId, resource_id: resourceId, ...ref },
    })
    if (!acknowledges) return this.#close(open)
    open.attempts++
    open.retry = this.#needs.agenda.add(after(now, ANSWER_WITHIN_MS), 'withdrawal not acknowledged', (later) => {
      if (open.attempts < MAX_ATTEMPTS) return this.#tell(open, later)
      this.#needs.peers.close(connection, 'withdrawal not acknowledged')
    })
  }

  #close(open: Open): void {
    this.#needs.agenda.cancel(open.retry)
    this.#open.delete(keyOf(open))
  }

  #of(gatewayId: string): Open[] {
    return [...this.#open.values()].filter((open) => open.gatewayId === gatewayId)
  }
}

const keyOf = ({ gatewayId, clientId, resourceId }: Withdrawal): string => `${gatewayId}:${clientId}:${resourceId}`
