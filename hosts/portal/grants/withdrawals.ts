import { FEATURES } from '../../../core/control/messages.ts'
import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import type { Appointment } from './agenda.ts'
import { gatewayConnection, tellGateway, type Context } from './context.ts'
import { readRef, signedRef } from '../wire/opaque-ref.ts'

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
const MOST_ATTEMPTS = 3

/**
 * What gateways still have to be told to give up, or have to confirm.
 *
 * A gateway that is away is told when it is back. One that confirms is asked again after a second, and after the third time
 * its connection is closed: when it comes back, its `init` lists what it may keep.
 */
export class Withdrawals {
  readonly #context: Context
  readonly #open = new Map<string, Open>()

  constructor(context: Context) {
    this.#context = context
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
    const key = readRef('reject', ref, this.#context.refKey)
    const open = key === undefined ? undefined : this.#open.get(key)
    if (open?.gatewayId !== gatewayId) return this.#context.drop('unknown_ref')
    this.#close(open)
  }

  /** Tells a gateway, right after its `init`, what it has to give up beyond what that says. */
  gatewayJoined(gatewayId: string): void {
    for (const open of this.#of(gatewayId)) {
      const { clientId, resourceId } = open
      tellGateway(this.#context, gatewayId, {
        event: 'rejectAccess',
        payload: { client_id: clientId, resource_id: resourceId },
      })
      this.#close(open)
    }
  }

  gatewayLeft(gatewayId: string): void {
    for (const open of this.#of(gatewayId)) {
      this.#context.agenda.cancel(open.retry)
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
    const connection = gatewayConnection(this.#context, gatewayId)
    if (connection === undefined) return
    const confirms = connection.features.has(FEATURES.acknowledgedReject)
    const ref = confirms ? { ref: signedRef('reject', keyOf(open), this.#context.refKey) } : {}
    tellGateway(this.#context, gatewayId, {
      event: 'rejectAccess',
      payload: { client_id: clientId, resource_id: resourceId, ...ref },
    })
    if (!confirms) return this.#close(open)
    open.attempts++
    open.retry = this.#context.agenda.add(after(now, ANSWER_WITHIN_MS), 'withdrawal not confirmed', (later) => {
      if (open.attempts < MOST_ATTEMPTS) return this.#tell(open, later)
      const { connection: name } = connection
      this.#context.emit({ type: 'closeConnection', connection: name, reason: 'withdrawal not confirmed' })
    })
  }

  #close(open: Open): void {
    this.#context.agenda.cancel(open.retry)
    this.#open.delete(keyOf(open))
  }

  #of(gatewayId: string): Open[] {
    return [...this.#open.values()].filter((open) => open.gatewayId === gatewayId)
  }
}

const keyOf = ({ gatewayId, clientId, resourceId }: Withdrawal): string => `${gatewayId}:${clientId}:${resourceId}`
