import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocket, type ClientOptions } from 'ws'
import type {
  WebSocketConnection,
  WebSocketEvents,
  WebSocketFailure,
  WebSocketRequest,
  WebSockets,
  WebSocketStep,
} from '../../core/runtime/web-socket.ts'
import { BinaryFrameReader } from './binary-frame-reader.ts'
import { BinaryFrames } from './binary-frames.ts'
import { outgoingConnections } from './outgoing-connection.ts'
import { TrustedCertificates, type TrustOptions } from './trusted-certificates.ts'

/** Timeout from the start of a connection to the end of the server's answer. */
const OPEN_TIMEOUT_MS = 10_000
/** Time for the server to answer a close frame before the connection is cut. */
const CLOSE_TIMEOUT_MS = 1_000
const MAX_BODY_BYTES = 65_536

/** WebSocket client on the ws package. */
export class WsWebSockets implements WebSockets {
  readonly #trusted: TrustedCertificates

  constructor(options: TrustOptions = {}) {
    this.#trusted = new TrustedCertificates(options)
  }

  connect({ url, headers, mark, maxBytes }: WebSocketRequest, events: WebSocketEvents): WebSocketConnection {
    const sockets = new Set<Socket>()
    let step: WebSocketStep = 'name'
    let failed: Omit<WebSocketFailure, 'step'> | undefined
    let isOver = false
    const createConnection = outgoingConnections({
      mark,
      tls: url.startsWith('wss:'),
      secureContext: this.#trusted.context,
      onStep: (begun) => (step = begun === 'answer' ? 'upgrade' : begun),
      onSocket: (opened) => (isOver ? opened.destroy() : sockets.add(opened)),
    })
    const options: ClientOptions = { headers: { ...headers }, perMessageDeflate: false, maxPayload: maxBytes }
    const socket = new WebSocket(url, Object.assign(options, { followRedirects: false, createConnection }))
    const openTimer = setTimeout(() => {
      failed = { code: 'ETIMEDOUT', message: `no answer within ${OPEN_TIMEOUT_MS / 1_000} s` }
      // If the body of a refusal does not end, `destroy` ends it, and the refusal is reported with the part received.
      if (answer === undefined) end(() => events.closed({ step, ...(failed ?? { message: 'closed' }) }))
      else answer.destroy()
    }, OPEN_TIMEOUT_MS)
    let answer: IncomingMessage | undefined
    let connection: Socket | undefined
    let frames: BinaryFrames | undefined
    const takeBytes = (messages: readonly Uint8Array[]): void => {
      if (!isOver) events.receivedBytes?.(messages)
    }
    /** Reports the end once and destroys all sockets: a server's kept-alive connection would keep the process alive. */
    const end = (tell: () => void): void => {
      if (isOver) return
      isOver = true
      clearTimeout(openTimer)
      tell()
      if (socket.readyState === WebSocket.CONNECTING) socket.terminate()
      for (const opened of sockets) opened.destroy()
    }
    socket.on('upgrade', (response) => {
      // Within TLS nobody on the way sees the bytes, so that the key needs not be unpredictable (RFC 6455 §10.3).
      frames = new BinaryFrames(response.socket, url.startsWith('wss:') ? 'zero' : 'random')
      response.socket.on('drain', () => events.drained?.())
      connection = response.socket
    })
    socket.on('open', () => {
      if (events.receivedBytes !== undefined && connection !== undefined)
        BinaryFrameReader.attach(connection, { isMasked: false, maxBytes, take: takeBytes })
      clearTimeout(openTimer)
      step = 'open'
      events.opened()
    })
    socket.on('message', (data, isBinary) => {
      if (isOver) return
      if (isBinary) takeBytes([bytesOf(data)])
      else events.received(bytesOf(data).toString('utf8'))
    })
    socket.on('unexpected-response', (_, response) => {
      answer = response
      void readBody(response).then((body) => {
        end(() => events.refused({ status: response.statusCode ?? 0, headers: headersOf(response), body }))
      })
    })
    socket.on('error', (error) => {
      failed ??= { ...codeOf(error), message: error.message }
    })
    socket.on('close', (code, reason) => {
      end(() => events.closed({ step, ...(failed ?? { message: closeText(code, reason) }) }))
    })
    return {
      send: (text) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(text)
      },
      sendBytes: (bytes) => {
        if (socket.readyState === WebSocket.OPEN) frames?.add(bytes)
      },
      waitingBytes: () => frames?.waitingBytes ?? 0,
      close: () => {
        if (socket.readyState !== WebSocket.OPEN) return end(() => undefined)
        isOver = true
        clearTimeout(openTimer)
        socket.close(1000)
        setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref()
      },
    }
  }
}

const codeOf = (error: Error): { code?: string } =>
  'code' in error && typeof error.code === 'string' ? { code: error.code } : {}

/** Describes a close frame's status code and reason for the log. RFC 6455 §7.4 */
const closeText = (code: number, reason: Buffer): string => {
  if (code === NO_CLOSE_FRAME) return 'the connection ended without a word'
  const said = reason.toString('utf8')
  return `the portal closed it${said === '' ? '' : `: ${said}`} (${code})`
}

const NO_CLOSE_FRAME = 1006

const bytesOf = (data: WebSocket.RawData): Buffer => {
  if (data instanceof ArrayBuffer) return Buffer.from(data)
  return Array.isArray(data) ? Buffer.concat(data) : data
}

const headersOf = (response: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(response.headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  )

const readBody = (response: IncomingMessage): Promise<string> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const done = () => resolve(Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString('utf8'))
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size >= MAX_BODY_BYTES) response.destroy()
    })
    response.on('end', done).on('close', done).on('error', done)
  })
