import type { Middleware } from 'koa'
import type { Clock } from '../../../core/runtime/clock.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { after, MINUTE, type Instant } from '../../../core/runtime/time.ts'
import { isRelayPath } from '../../../core/control/relay-messages.ts'
import { isChannelPath } from '../channel/connect-request.ts'
import { requestIdOf } from './http/request-id.ts'
import { refusalProblem } from '../channel/refusal.ts'

/** Minimum interval between two log lines: enough to find a proxy, and strangers cannot fill the log. */
const LOG_INTERVAL_MS = MINUTE

/**
 * Answers a request to a control channel's path that does not ask for WebSocket with 426 (RFC 9110 §15.5.22), and logs
 * it: mostly a peer behind a proxy that removes the Upgrade header.
 */
export const plainChannel = ({ clock, logger }: { clock: Clock; logger: Logger }): Middleware => {
  let loggedAt: Instant | undefined
  let unlogged = 0
  return async (ctx, next) => {
    if (!isChannelPath(ctx.path) && !isRelayPath(ctx.path)) return next()
    const now = clock.now()
    unlogged++
    if (loggedAt === undefined || now >= after(loggedAt, LOG_INTERVAL_MS)) {
      const fields = {
        path: ctx.path,
        from: ctx.req.socket.remoteAddress,
        requests: unlogged,
        requestId: requestIdOf(ctx),
      }
      logger.warn(fields, 'a control channel was asked for without an upgrade: does a proxy strip it?')
      loggedAt = now
      unlogged = 0
    }
    ctx.status = 426
    ctx.set('Upgrade', 'websocket')
    ctx.set('Connection', 'Upgrade')
    ctx.type = 'application/problem+json'
    ctx.body = JSON.stringify(refusalProblem('upgrade_required'))
  }
}
