import type { IncomingMessage } from 'node:http'
import { WebSocket, type ClientOptions } from 'ws'
import type {
  WebSocketConnection,
  WebSocketEvents,
  WebSocketRequest,
  WebSockets,
} from '../../core/runtime/web-socket.ts'
import { markedConnections } from './marked-connection.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000
const BODY_LIMIT_BYTES = 65_536

/** WebSockets by the ws package. */
export class WsWebSockets implements WebSockets {
  connect({ url, headers, mark, maxBytes }: WebSocketRequest, events: WebSocketEvents): WebSocketConnection {
    const options: ClientOptions = {
      headers: { ...headers },
      perMessageDeflate: false,
      followRedirects: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: maxBytes,
    }
    if (mark !== undefined) {
      Object.assign(options, { createConnection: markedConnections({ mark, tls: url.startsWith('wss:') }) })
    }
    const socket = new WebSocket(url, options)
    let isOver = false
    const end = (tell: () => void): void => {
      if (isOver) return
      isOver = true
      tell()
    }
    let reason = 'closed'
    socket.on('open', () => events.opened())
    socket.on('message', (data, isBinary) => {
      if (!isOver && !isBinary) events.received(textOf(data))
    })
    socket.on('unexpected-response', (request, response) => {
      void readBody(response).then((body) => {
        end(() => events.refused({ status: response.statusCode ?? 0, headers: headersOf(response), body }))
        request.destroy()
      })
    })
    socket.on('error', (error) => {
      reason = error.message
    })
    socket.on('close', () => end(() => events.closed(reason)))
    return {
      send: (text) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(text)
      },
      close: () => {
        isOver = true
        if (socket.readyState === WebSocket.OPEN) socket.close(1000)
        // What does not answer the close frame, or never opened, is not waited for.
        setTimeout(() => socket.terminate(), 1_000).unref()
        if (socket.readyState === WebSocket.CONNECTING) socket.terminate()
      },
    }
  }
}

const textOf = (data: WebSocket.RawData): string => {
  if (data instanceof ArrayBuffer) return new TextDecoder().decode(data)
  return (Array.isArray(data) ? Buffer.concat(data) : data).toString('utf8')
}

const headersOf = (response: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(response.headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  )

const readBody = (response: IncomingMessage): Promise<string> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const done = () => resolve(Buffer.concat(chunks).subarray(0, BODY_LIMIT_BYTES).toString('utf8'))
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size >= BODY_LIMIT_BYTES) response.destroy()
    })
    response.on('end', done).on('close', done).on('error', done)
  })
