// The names of the messages, by dialect: the one place that knows them.
import { MESSAGES, type Direction, type EventName, type Message, type Role } from './messages.ts'

/** A way of naming events. Peers choose it by the path that they connect to. */
export type Dialect = 'v2'

interface Names {
  v2: string
}

type Table = { [R in Role]: { [D in Direction]: Record<EventName<R, D>, Names> } }

/** internal name -> name on the wire */
export const EVENTS: Table = {
  client: {
    fromPortal: {
      init: { v2: 'init' },
      configChanged: { v2: 'config_changed' },
      resourceCreatedOrUpdated: { v2: 'resource_created_or_updated' },
      resourceDeleted: { v2: 'resource_deleted' },
      authorizationCreated: { v2: 'authorization_created' },
      authorizationCreationFailed: { v2: 'authorization_creation_failed' },
      iceCandidates: { v2: 'ice_candidates' },
      invalidateIceCandidates: { v2: 'invalidate_ice_candidates' },
      relaysPresence: { v2: 'relays_presence' },
    },
    toPortal: {
      requestAuthorization: { v2: 'request_authorization' },
      newGatewayIceCandidates: { v2: 'new_gateway_ice_candidates' },
      invalidateGatewayIceCandidates: { v2: 'invalidate_gateway_ice_candidates' },
      noRelays: { v2: 'no_relays' },
      setSnownetCapabilities: { v2: 'set_snownet_capabilities' },
      setCapabilities: { v2: 'set_capabilities' },
    },
  },
  gateway: {
    fromPortal: {
      init: { v2: 'init' },
      createAuthorization: { v2: 'create_authorization' },
      rejectAccess: { v2: 'reject_access' },
      resourceUpdated: { v2: 'resource_updated' },
      relaysPresence: { v2: 'relays_presence' },
      iceCandidates: { v2: 'ice_candidates' },
      invalidateIceCandidates: { v2: 'invalidate_ice_candidates' },
    },
    toPortal: {
      authorizationCreated: { v2: 'authorization_created' },
      accessRejected: { v2: 'access_rejected' },
      nameFindings: { v2: 'name_findings' },
      broadcastIceCandidates: { v2: 'broadcast_ice_candidates' },
      broadcastInvalidatedIceCandidates: { v2: 'broadcast_invalidated_ice_candidates' },
      noRelays: { v2: 'no_relays' },
      setSnownetCapabilities: { v2: 'set_snownet_capabilities' },
      setCapabilities: { v2: 'set_capabilities' },
    },
  },
}

/** Which messages: of which peer, in which direction, in which dialect. */
export interface Lane<R extends Role, D extends Direction> {
  role: R
  direction: D
  dialect: Dialect
}

export type MessageVerdict<R extends Role, D extends Direction> =
  | { ok: true; message: Message<R, D> }
  /** `detail` names the part that is wrong, never its value. */
  | { ok: false; reason: 'unknown-event' | 'invalid-payload'; detail: string }

/** The wire's name of a message. */
export const wireName = <R extends Role, D extends Direction>(
  { role, direction, dialect }: Lane<R, D>,
  event: EventName<R, D>,
): string => {
  const names: Record<string, Names> = EVENTS[role][direction]
  return names[event]?.[dialect] ?? event
}

/** Reads the body of a frame by its event's name on the wire. Never throws. */
export const readMessage = <R extends Role, D extends Direction>(
  lane: Lane<R, D>,
  wire: string,
  payload: unknown,
): MessageVerdict<R, D> => {
  const event = REVERSED[lane.role][lane.direction][lane.dialect].get(wire) as EventName<R, D> | undefined
  if (event === undefined) return { ok: false, reason: 'unknown-event', detail: wire.slice(0, 64) }
  const parsed = schemaOf(lane, event).safeParse(payload)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    return { ok: false, reason: 'invalid-payload', detail: `${event}.${issue?.path.join('.') ?? ''}` }
  }
  // The schema of `event` was just satisfied, which is what ties the two members together.
  return { ok: true, message: { event, payload: parsed.data } as Message<R, D> }
}

const schemaOf = <R extends Role, D extends Direction>(
  { role, direction }: Lane<R, D>,
  event: EventName<R, D>,
): { safeParse: (value: unknown) => ReturnType<(typeof MESSAGES)['client']['toPortal']['noRelays']['safeParse']> } =>
  MESSAGES[role][direction][event] as never

const REVERSED: Record<Role, Record<Direction, Record<Dialect, ReadonlyMap<string, string>>>> = {
  client: { fromPortal: reverse(EVENTS.client.fromPortal), toPortal: reverse(EVENTS.client.toPortal) },
  gateway: { fromPortal: reverse(EVENTS.gateway.fromPortal), toPortal: reverse(EVENTS.gateway.toPortal) },
}

function reverse(table: Record<string, Names>): Record<Dialect, ReadonlyMap<string, string>> {
  return { v2: new Map(Object.entries(table).map(([event, wire]) => [wire.v2, event])) }
}
