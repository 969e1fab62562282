// A gateway that reports a problem is not chosen from that moment on, but the clients that it serves would stay with it:
// packets go in, and nothing comes out. Moving them costs open connections, so a problem that is repaired at once moves
// nobody, and a problem that comes and goes moves everybody once: only the time with a problem counts, and a gateway that
// has lost its clients gets new ones when it has been well for a while, or when there is no other.
import { FEATURES } from '../../../core/control/messages.ts'
import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import type { Presence, PresentGateway } from '../decide/presence.ts'
import { siteGateways } from '../decide/site-gateways.ts'
import type { View } from '../decide/view.ts'
import type { Agenda, Appointment } from './agenda.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import type { GrantLimits } from './grant-limits.ts'
import type { Grant, Grants } from './grants.ts'
import type { LostGateways } from './lost-gateways.ts'

export interface BlockedGatewaysNeeds {
  view: Pick<View, 'get'>
  presence: Presence
  peers: Pick<ConnectedPeers, 'client'>
  grants: Grants
  grantLimits: Pick<GrantLimits, 'hasRoom'>
  keeper: Pick<GrantKeeper, 'withdraw'>
  lostGateways: Pick<LostGateways, 'abandoned'>
  agenda: Agenda
}

/** Time with a problem, all reports of a spell together, after which a gateway's clients are moved. */
const PATIENCE_MS = 3 * SECOND
/** Time without a problem after which a gateway's spell is over. Clients ask again after a refusal once in that time. */
const RECOVERY_MS = 30 * SECOND
/** Interval at which clients are moved that have come, or for which another gateway has come, since. */
const REPEAT_MS = 10 * SECOND

/** Time for which it counts that a client has reported a gateway as unreachable. */
const UNREACHABLE_MS = 60 * SECOND
const NONE: ReadonlySet<string> = new Set()

/** Problems of one gateway, with breaks shorter than `RECOVERY_MS`. */
interface Spell {
  /** Time with a problem until `since`. */
  blockedMs: number
  /** Time of the report since which there is a problem; undefined in a break. */
  since: Instant | undefined
  next: Appointment | undefined
}

/**
 * Moves clients away from gateways whose machines keep them from forwarding, by withdrawing the grants there: the clients
 * ask again, and get another gateway. Grants for which there is no other gateway stay.
 */
export class BlockedGateways {
  readonly #needs: BlockedGatewaysNeeds
  readonly #spells = new Map<string, Spell>()

  constructor(needs: BlockedGatewaysNeeds) {
    this.#needs = needs
  }

  /** Takes a gateway's report: whether problems keep it from forwarding. */
  reported(gatewayId: string, isBlocked: boolean, now: Instant): void {
    if (isBlocked) this.#begin(gatewayId, now)
    else this.#pause(gatewayId, now)
  }

  /** Handles a gateway that has joined, and has not reported yet. */
  joined(gateway: PresentGateway): void {
    const spell = this.#spells.get(gateway.id)
    if (spell !== undefined && spell.blockedMs >= PATIENCE_MS) gateway.isRecovering = true
  }

  /** Handles a gateway whose connection has ended: what it reported is not known to hold. */
  left(gatewayId: string, now: Instant): void {
    this.#pause(gatewayId, now)
  }

  #begin(gatewayId: string, now: Instant): void {
    const spell = this.#spells.get(gatewayId) ?? { blockedMs: 0, since: undefined, next: undefined }
    if (spell.since !== undefined) return
    this.#spells.set(gatewayId, spell)
    spell.since = now
    const at = after(now, Math.max(0, PATIENCE_MS - spell.blockedMs))
    this.#replan(spell, at, 'a gateway does not forward', (then) => this.#move(gatewayId, spell, then))
  }

  #pause(gatewayId: string, now: Instant): void {
    const { presence } = this.#needs
    const spell = this.#spells.get(gatewayId)
    if (spell?.since === undefined) return
    spell.blockedMs += now - spell.since
    spell.since = undefined
    const gateway = presence.gateway(gatewayId)
    if (gateway !== undefined && spell.blockedMs >= PATIENCE_MS) gateway.isRecovering = true
    this.#replan(spell, after(now, RECOVERY_MS), 'a gateway forwards again', () => {
      this.#spells.delete(gatewayId)
      delete presence.gateway(gatewayId)?.isRecovering
    })
  }

  #move(gatewayId: string, spell: Spell, now: Instant): void {
    const { grants, keeper, peers, lostGateways } = this.#needs
    const all = grants.ofGateway(gatewayId)
    const moved = new Set(all.filter((grant) => this.#hasOther(grant, now)))
    const staying = new Set(all.filter((grant) => !moved.has(grant)).map(({ row }) => row.clientId))
    // Before the grants end, with which the portal forgets what candidates it told the clients.
    for (const clientId of new Set([...moved].map(({ row }) => row.clientId))) {
      const client = peers.client(clientId)
      if (client !== undefined && !staying.has(clientId)) lostGateways.abandoned(gatewayId, client)
    }
    for (const grant of moved) keeper.withdraw(grant, { reason: 'gateway_cannot_forward' }, now)
    const again = after(now, REPEAT_MS)
    this.#replan(spell, again, 'a gateway does not forward', (then) => this.#move(gatewayId, spell, then))
  }

  /** Whether the client of a grant is there to ask again, and another gateway could serve it. */
  #hasOther({ row }: Grant, now: Instant): boolean {
    const { peers, grants, grantLimits } = this.#needs
    const client = peers.client(row.clientId)
    if (client === undefined) return false
    const about = { resourceId: row.resourceId, client, clientTransport: client.transport }
    const isFresh = client.askedAt !== undefined && after(client.askedAt, UNREACHABLE_MS) > now
    const unreachable = isFresh && client.features.has(FEATURES.unreachableGateways) ? client.unreachableGateways : NONE
    return siteGateways(this.#needs, about).compatible.some(({ id }) => {
      if (id === row.gatewayId || unreachable.has(id)) return false
      return grantLimits.hasRoom(id) || grants.find({ ...row, gatewayId: id }) !== undefined
    })
  }

  #replan(spell: Spell, at: Instant, reason: string, run: (now: Instant) => void): void {
    this.#needs.agenda.cancel(spell.next)
    spell.next = this.#needs.agenda.add(at, reason, run)
  }
}
