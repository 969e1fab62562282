// Every message body of the control channel, by peer, direction and internal name.
import type { z } from 'zod'
import { clientToPortal, portalToClient } from './client-messages.ts'
import { gatewayToPortal, portalToGateway } from './gateway-messages.ts'

export * from './client-messages.ts'
export * from './gateway-messages.ts'
export * from './wire-values.ts'

/** Who is at the other end of a portal's control channel. Also the topic that it joins. */
export type Role = 'client' | 'gateway'

export const MESSAGES = {
  client: { fromPortal: portalToClient, toPortal: clientToPortal },
  gateway: { fromPortal: portalToGateway, toPortal: gatewayToPortal },
} as const

export type Direction = 'fromPortal' | 'toPortal'

/** The internal names of the messages of one peer and direction. */
export type EventName<R extends Role, D extends Direction> = keyof (typeof MESSAGES)[R][D] & string

/** The body of one message. */
export type Body<R extends Role, D extends Direction, E extends EventName<R, D>> =
  (typeof MESSAGES)[R][D][E] extends z.ZodType<infer T> ? T : never

/** `{event, payload}` of any message of one peer and direction: a closed union tagged `event`. */
export type Message<R extends Role, D extends Direction> = R extends Role
  ? D extends Direction
    ? { [E in EventName<R, D>]: { event: E; payload: Body<R, D, E> } }[EventName<R, D>]
    : never
  : never

/** What a peer hears. */
export type FromPortal<R extends Role> = Message<R, 'fromPortal'>

/** What a peer says. */
export type ToPortal<R extends Role> = Message<R, 'toPortal'>
