import { request, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { failure } from './failure.ts'
import type { Proxy } from './proxy-settings.ts'
import { socketAttempt } from './socket-attempt.ts'

/** Timeout of a proxy's answer to CONNECT; it connects to the target meanwhile. */
const ANSWER_MS = 10_000

/**
 * Asks a proxy, over a connection to it, to connect to a target, and returns the same socket, which then leads to the
 * target. Otherwise destroys it and rejects with PROXY_AUTHENTICATION (407), PROXY_REFUSED (another status),
 * PROXY_UNREACHABLE (no answer) or, once `signal` aborts, ECONNABORTED.
 */
export const throughProxy = async (
  socket: Socket,
  { proxy, host, port, signal }: { proxy: Proxy; host: string; port: number; signal: AbortSignal },
): Promise<Socket> => {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
  // A signal given to the request would destroy the socket even when it leads to the target.
  const asked = request({
    method: 'CONNECT',
    path: authority,
    headers: {
      host: authority,
      ...(proxy.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization.reveal() }),
    },
    createConnection: () => socket,
  })
  const timedOut = (): Error =>
    failure('PROXY_UNREACHABLE', `the proxy ${proxy.shown} does not answer within ${ANSWER_MS / 1_000} s`)
  await socketAttempt({ socket, signal, timeoutMs: ANSWER_MS, timedOut }, ({ succeed, fail }) => {
    asked.on('error', (error) => {
      fail(failure('PROXY_UNREACHABLE', `the proxy ${proxy.shown} does not answer: ${error.message}`, error))
    })
    asked.on('connect', ({ statusCode = 0, statusMessage = '' }: IncomingMessage, _, head: Buffer) => {
      if (statusCode < 200 || statusCode > 299) {
        const said = `the proxy ${proxy.shown} answers ${statusCode} ${statusMessage} to CONNECT ${authority}`
        return fail(failure(statusCode === 407 ? 'PROXY_AUTHENTICATION' : 'PROXY_REFUSED', said))
      }
      if (head.length > 0) socket.unshift(head)
      succeed()
    })
    asked.end()
  })
  return socket
}
