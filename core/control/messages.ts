// Every message body of the control channel, by peer, direction and internal name.
import { z } from 'zod'
import { clientToPortal, portalToClient } from './client-messages.ts'
import { gatewayToPortal, portalToGateway } from './gateway-messages.ts'

export * from './client-messages.ts'
export * from './gateway-messages.ts'
export * from './wire-values.ts'

/** Kind of peer that connects to a portal. Also the topic that the peer joins. */
export type Role = 'client' | 'gateway'

/** Kind of program that holds a link to a portal: a peer or a relay. Also the topic that it joins. */
export type LinkRole = Role | 'relay'

/** Messages that a relay receives: `init` says that its portal offers it to peers. It sends none but its join. */
const portalToRelay = { init: z.object({}) } as const

/** Schemas of all payloads, by role, direction and internal name. */
export const MESSAGES = {
  client: { fromPortal: portalToClient, toPortal: clientToPortal },
  gateway: { fromPortal: portalToGateway, toPortal: gatewayToPortal },
  relay: { fromPortal: portalToRelay, toPortal: {} },
} as const

/** Direction of a message between peer and portal. */
export type Direction = 'fromPortal' | 'toPortal'

/** Internal names of the messages of one role and direction. */
export type EventName<R extends LinkRole, D extends Direction> = keyof (typeof MESSAGES)[R][D] & string

/** Payload of one message. */
export type Body<R extends LinkRole, D extends Direction, E extends EventName<R, D>> =
  (typeof MESSAGES)[R][D][E] extends z.ZodType<infer T> ? T : never

/** Union of the messages of one role and direction, tagged `event`. */
export type Message<R extends LinkRole, D extends Direction> = R extends LinkRole
  ? D extends Direction
    ? { [E in EventName<R, D>]: { event: E; payload: Body<R, D, E> } }[EventName<R, D>]
    : never
  : never

/** Messages that a peer receives. */
export type FromPortal<R extends LinkRole> = Message<R, 'fromPortal'>

/** Messages that a peer sends. */
export type ToPortal<R extends LinkRole> = Message<R, 'toPortal'>
