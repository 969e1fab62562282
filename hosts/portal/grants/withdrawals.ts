import { FEATURES } from '../../../core/control/messages.ts'
import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import { MultiMap } from '../decide/multi-map.ts'
import { readRef, signedRef } from '../wire/opaque-ref.ts'
import type { Agenda, Appointment } from './agenda.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import type { Drop } from './portal-output.ts'

export interface WithdrawalsNeeds {
  peers: ConnectedPeers
  agenda: Agenda
  /** Signs the references with which gateways acknowledge withdrawals. */
  refKey: Uint8Array
  drop: Drop
}

/** A grant to be withdrawn from its gateway: a client's access to a resource. */
export interface Withdrawal {
  gatewayId: string
  clientId: string
  resourceId: string
}

interface OpenWithdrawal extends Withdrawal {
  attempts: number
  retry: Appointment | undefined
}

/** Time for a gateway to acknowledge a withdrawal before it is told again. */
const ACKNOWLEDGE_TIMEOUT_MS = SECOND
const MAX_ATTEMPTS = 3

/**
 * Withdrawals that gateways have not been told of, or have not acknowledged.
 *
 * A disconnected gateway is told when it returns. A gateway that acknowledges withdrawals is told again after a second
 * without an answer; after three attempts its connection is closed: when it reconnects, its `init` lists the grants
 * that it may keep.
 */
export class Withdrawals {
  readonly #needs: WithdrawalsNeeds
  readonly #open = new Map<string, OpenWithdrawal>()
  readonly #ofGateway = new MultiMap<string, OpenWithdrawal>()

  constructor(needs: WithdrawalsNeeds) {
    this.#needs = needs
  }

  add(withdrawal: Withdrawal, now: Instant): void {
    this.cancel(withdrawal)
    const open: OpenWithdrawal = { ...withdrawal, attempts: 0, retry: undefined }
    this.#open.set(keyOf(withdrawal), open)
    this.#ofGateway.add(open.gatewayId, open)
    this.#tell(open, now)
  }

  /** Cancels a withdrawal because the same access is granted again. */
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

  /**
   * Repeats, once, all open withdrawals to a gateway that has just received its `init`. The `init` does not list these
   * grants either, so no acknowledgement is needed.
   */
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

  #tell(open: OpenWithdrawal, now: Instant): void {
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
    open.retry = this.#needs.agenda.add(after(now, ACKNOWLEDGE_TIMEOUT_MS), 'withdrawal not acknowledged', (later) => {
      if (open.attempts < MAX_ATTEMPTS) return this.#tell(open, later)
      this.#needs.peers.close(connection, 'withdrawal not acknowledged')
    })
  }

  #close(open: OpenWithdrawal): void {
    this.#needs.agenda.cancel(open.retry)
    this.#open.delete(keyOf(open))
    this.#ofGateway.delete(open.gatewayId, open)
  }

  #of(gatewayId: string): OpenWithdrawal[] {
    return [...this.#ofGateway.get(gatewayId)]
  }
}

const keyOf = ({ gatewayId, clientId, resourceId }: Withdrawal): string => `${gatewayId}:${clientId}:${resourceId}`
