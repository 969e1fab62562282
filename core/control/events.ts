// Names of the messages on the wire, by dialect. No other file knows them.
import { MESSAGES, type Direction, type EventName, type Message, type LinkRole } from './messages.ts'

/** Version of the names on the wire. A peer chooses it by the URL path that it connects to. */
export type Dialect = (typeof DIALECTS)[number]

/** All dialects, newest first. `v1` is that of peers released before August 2026. */
export const DIALECTS = ['v2', 'v1'] as const

/** Name of a message by dialect. A message without a name in a dialect is unknown there. */
type Names = Partial<Record<Dialect, string>>

type Table = { [R in LinkRole]: { [D in Direction]: Record<EventName<R, D>, Names> } }

/** Name on the wire by internal name, for each role and direction. Portreeve's additions have none in `v1`. */
export const EVENTS: Table = {
  client: {
    fromPortal: {
      init: { v2: 'init', v1: 'init' },
      configChanged: { v2: 'config_changed', v1: 'config_changed' },
      resourceCreatedOrUpdated: { v2: 'resource_created_or_updated', v1: 'resource_created_or_updated' },
      resourceDeleted: { v2: 'resource_deleted', v1: 'resource_deleted' },
      authorizationCreated: { v2: 'authorization_created', v1: 'flow_created' },
      authorizationCreationFailed: { v2: 'authorization_creation_failed', v1: 'flow_creation_failed' },
      iceCandidates: { v2: 'ice_candidates', v1: 'ice_candidates' },
      invalidateIceCandidates: { v2: 'invalidate_ice_candidates', v1: 'invalidate_ice_candidates' },
      relaysPresence: { v2: 'relays_presence', v1: 'relays_presence' },
      gatewayGone: { v2: 'gateway_gone' },
      reportPaths: { v2: 'report_paths' },
    },
    toPortal: {
      requestAuthorization: { v2: 'request_authorization', v1: 'create_flow' },
      newGatewayIceCandidates: { v2: 'new_gateway_ice_candidates', v1: 'new_gateway_ice_candidates' },
      invalidateGatewayIceCandidates: {
        v2: 'invalidate_gateway_ice_candidates',
        v1: 'invalidate_gateway_ice_candidates',
      },
      broadcastIceCandidates: { v1: 'broadcast_ice_candidates' },
      broadcastInvalidatedIceCandidates: { v1: 'broadcast_invalidated_ice_candidates' },
      requestDeviceAccess: { v1: 'request_device_access' },
      clientFacts: { v2: 'client_facts' },
      clientPaths: { v2: 'client_paths' },
      noRelays: { v2: 'no_relays', v1: 'no_relays' },
      setSnownetCapabilities: { v2: 'set_snownet_capabilities' },
      setCapabilities: { v2: 'set_capabilities' },
    },
  },
  gateway: {
    fromPortal: {
      init: { v2: 'init', v1: 'init' },
      createAuthorization: { v2: 'create_authorization', v1: 'authorize_flow' },
      rejectAccess: { v2: 'reject_access', v1: 'reject_access' },
      resourceUpdated: { v2: 'resource_updated', v1: 'resource_updated' },
      reportLoad: { v2: 'report_load' },
      reportPaths: { v2: 'report_paths' },
      reportProblems: { v2: 'report_problems' },
      relaysPresence: { v2: 'relays_presence', v1: 'relays_presence' },
      iceCandidates: { v2: 'ice_candidates', v1: 'ice_candidates' },
      invalidateIceCandidates: { v2: 'invalidate_ice_candidates', v1: 'invalidate_ice_candidates' },
    },
    toPortal: {
      authorizationCreated: { v2: 'authorization_created', v1: 'flow_authorized' },
      accessRejected: { v2: 'access_rejected' },
      nameFindings: { v2: 'name_findings' },
      gatewayLoad: { v2: 'gateway_load' },
      gatewayPaths: { v2: 'gateway_paths' },
      hostProblems: { v2: 'host_problems' },
      broadcastIceCandidates: { v2: 'broadcast_ice_candidates', v1: 'broadcast_ice_candidates' },
      broadcastInvalidatedIceCandidates: {
        v2: 'broadcast_invalidated_ice_candidates',
        v1: 'broadcast_invalidated_ice_candidates',
      },
      noRelays: { v2: 'no_relays', v1: 'no_relays' },
      setSnownetCapabilities: { v2: 'set_snownet_capabilities' },
      setCapabilities: { v2: 'set_capabilities' },
    },
  },
  relay: {
    fromPortal: { init: { v2: 'init', v1: 'init' } },
    toPortal: {},
  },
}

/** The messages of one role in one direction, in one dialect. */
export interface MessageSet<R extends LinkRole, D extends Direction> {
  role: R
  direction: D
  dialect: Dialect
}

/** Outcome of validating a message. */
export type MessageVerdict<R extends LinkRole, D extends Direction> =
  | { ok: true; message: Message<R, D> }
  /** `detail` names the malformed part, without its value. */
  | { ok: false; reason: 'unknown-event' | 'invalid-payload'; detail: string }

/** Returns the name of a message on the wire; undefined if the dialect has no such message. */
export const wireName = <R extends LinkRole, D extends Direction>(
  { role, direction, dialect }: MessageSet<R, D>,
  event: EventName<R, D>,
): string | undefined => {
  const names: Record<string, Names> = EVENTS[role][direction]
  return names[event]?.[dialect]
}

/** Validates a frame's payload by its event name on the wire. Never throws. */
export const readMessage = <R extends LinkRole, D extends Direction>(
  set: MessageSet<R, D>,
  wire: string,
  payload: unknown,
): MessageVerdict<R, D> => {
  const event = REVERSED[set.role][set.direction][set.dialect].get(wire) as EventName<R, D> | undefined
  if (event === undefined) return { ok: false, reason: 'unknown-event', detail: wire.slice(0, 64) }
  const parsed = schemaOf(set, event).safeParse(payload)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    return { ok: false, reason: 'invalid-payload', detail: `${event}.${issue?.path.join('.') ?? ''}` }
  }
  // The cast is sound: `parsed.data` satisfied the schema of `event`.
  return { ok: true, message: { event, payload: parsed.data } as Message<R, D> }
}

const schemaOf = <R extends LinkRole, D extends Direction>(
  { role, direction }: MessageSet<R, D>,
  event: EventName<R, D>,
): { safeParse: (value: unknown) => ReturnType<(typeof MESSAGES)['client']['toPortal']['noRelays']['safeParse']> } =>
  MESSAGES[role][direction][event] as never

const REVERSED: Record<LinkRole, Record<Direction, Record<Dialect, ReadonlyMap<string, string>>>> = {
  client: { fromPortal: reverse(EVENTS.client.fromPortal), toPortal: reverse(EVENTS.client.toPortal) },
  gateway: { fromPortal: reverse(EVENTS.gateway.fromPortal), toPortal: reverse(EVENTS.gateway.toPortal) },
  relay: { fromPortal: reverse(EVENTS.relay.fromPortal), toPortal: reverse(EVENTS.relay.toPortal) },
}

function reverse(table: Record<string, Names>): Record<Dialect, ReadonlyMap<string, string>> {
  const inDialect = (dialect: Dialect): ReadonlyMap<string, string> =>
    new Map(
      Object.entries(table).flatMap(([event, { [dialect]: wire }]) => (wire === undefined ? [] : [[wire, event]])),
    )
  return { v2: inDialect('v2'), v1: inDialect('v1') }
}
