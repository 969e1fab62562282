import { FEATURES } from '../../../core/control/messages.ts'
import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import { readRef, signedRef } from '../wire/opaque-ref.ts'
import type { Agenda, Appointment } from './agenda.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import type { Drop } from './portal-output.ts'

export interface WithdrawalsNeeds {
  peers: ConnectedPeers
  agenda: Agenda
  /** Signs what a gateway hands back when it confirms. */
  refKey: Uint8Array
  drop: Drop
}

/** What a gateway has to give up. */
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
 * What gateways still have to be told to give up, or have to confirm.
 *
 * A gateway that is away is told when it is back. One that confirms is asked again after a second, and after the third time
 * its connection is closed: when it comes back, its `init` lists what it may keep.
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

  /** The gateway may have it again. */
  cancel(withdrawal: Withdrawal): void {
    const open = this.#open.get(keyOf(withdrawal))
    if (open !== undefined) this.#close(open)
  }

  acknowledged(gatewayId: string, ref: string): void {
    const key = readRef('reject', ref, this.#needs.refKey)
    const open = key === undefined ? undefined : this.#open.get(key)
    if (open?.gatewayId !== gatewayId) return this.#needs.drop('unknown-ref')
    this.#close(open)
  }

  /** Tells a gateway, right after its `init`, what it has to give up beyond what that says. */
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
    const confirms = connection.features.has(FEATURES.acknowledgedReject)
    const ref = confirms ? { ref: signedRef('reject', keyOf(open), this.#needs.refKey) } : {}
    this.#needs.peers.tellGateway(gatewayId, {
      event: 'rejectAccess',
      payload: { client_id: clientId, resource_id: resourceId, ...ref },
    })
    if (!confirms) return this.#close(open)
    open.attempts++
    open.retry = this.#needs.agenda.add(after(now, ANSWER_WITHIN_MS), 'withdrawal not confirmed', (later) => {
      if (open.attempts < MAX_ATTEMPTS) return this.#tell(open, later)
      this.#needs.peers.close(connection, 'withdrawal not confirmed')
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
