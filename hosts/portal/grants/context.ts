import type { GatewaySelector } from '../../../core/contract/gateway-selector.ts'
import { wireName } from '../../../core/control/events.ts'
import { encodeFrame, type Frame } from '../../../core/control/frame.ts'
import type { EventName, FromPortal, Role } from '../../../core/control/messages.ts'
import type { Extensions } from '../../../core/plugin/extension-point.ts'
import type { Presence } from '../../../core/presence/presence.ts'
import type { Random } from '../../../core/runtime/random.ts'
import { after, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import type { Authorization } from '../store/entities.ts'
import type { Decision } from '../store/store.ts'
import type { Limits } from './limits.ts'
import type { View } from '../decide/view.ts'
import type { Agenda } from './agenda.ts'
import type { Connection } from './connections.ts'
import type { Grants } from './grants.ts'
import type { NameTroubles } from './name-troubles.ts'

/** What a portal's decisions lead to. */
export type PortalOutput =
  | { type: 'sendText'; connection: string; text: string }
  /** What was sent before is to arrive first. */
  | { type: 'closeConnection'; connection: string; reason: string }
  /** Answered by `authorizationNotRecorded` where that fails. */
  | { type: 'recordAuthorization'; authorization: Authorization }
  | { type: 'removeAuthorization'; accountId: string; authorizationId: string }
  | { type: 'recordDecision'; accountId: string; decision: Decision }

/** What the parts of the portal's machine share. */
export interface Context {
  view: View
  presence: Presence
  grants: Grants
  agenda: Agenda
  connections: Map<string, Connection>
  /** Where a client was last seen at: kept beyond its connection, while its grants may have to be judged anew. */
  whereabouts: Map<string, Whereabouts>
  nameTroubles: NameTroubles
  selectors: Extensions<GatewaySelector>
  random: Random
  unixAt: (now: Instant) => UnixTime
  publicUrl: string
  limits: Limits
  refKey: Uint8Array
  ingestKey: Uint8Array
  emit: (output: PortalOutput) => void
  /** Counts something that was dropped, by its reason. */
  drop: (reason: string) => void
}

export interface Whereabouts {
  remoteIp: string
  userAgent: string
}

/** Says something to a peer, under the name that its dialect has for it. */
export const tell = <R extends Role>(
  context: Context,
  connection: Connection & { role: R },
  message: FromPortal<R>,
): void => {
  const { role, dialect } = connection
  const event = wireName({ role, direction: 'fromPortal', dialect }, message.event as EventName<R, 'fromPortal'>)
  tellFrame(context, connection, { topic: role, event, payload: message.payload, ref: null })
}

export const tellFrame = (context: Context, { connection }: Connection, frame: Frame): void => {
  context.emit({ type: 'sendText', connection, text: encodeFrame(frame) })
}

/** A push has no ref, and nobody waits for an answer to it. */
export const reply = (context: Context, connection: Connection, frame: Frame): void => {
  if (frame.ref !== null) tellFrame(context, connection, frame)
}

/** Says something to a client, if it is there. */
export const tellClient = (context: Context, clientId: string, message: FromPortal<'client'>): boolean => {
  const connection = context.connections.get(context.presence.clientConnection(clientId) ?? '')
  if (connection === undefined) return false
  tell(context, connection as Connection & { role: 'client' }, message)
  return true
}

/** Says something to a gateway, if it is there. */
export const tellGateway = (context: Context, gatewayId: string, message: FromPortal<'gateway'>): boolean => {
  const connection = gatewayConnection(context, gatewayId)
  if (connection === undefined) return false
  tell(context, connection as Connection & { role: 'gateway' }, message)
  return true
}

export const gatewayConnection = (context: Context, gatewayId: string): Connection | undefined =>
  context.connections.get(context.presence.gatewayConnection(gatewayId) ?? '')

/** The monotonic moment of a wall-clock time; what is over is now. */
export const instantAt = (context: Context, time: UnixTime, now: Instant): Instant =>
  after(now, Math.max(0, time - context.unixAt(now)))
