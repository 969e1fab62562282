// Control socket, by which people and scripts use a running client, gateway or relay: a Unix socket that only its user may
// open. One request per line, one answer per line, both JSON: {"command":"status"} -> {"ok":true,"result":…} or
// {"ok":false,"code":…,"message":…}. A command's argument is in "input".
import { chmod, mkdir, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'

/**
 * Handlers by command. `input` is not validated. The result is sent as JSON; an OperatorError is sent as code and
 * message.
 */
export type ControlHandlers<Command extends string> = Readonly<Record<Command, (input: unknown) => Promise<unknown>>>

/** Owner of a control socket, for errors: `CLIENT_RUNNING` if it is a `client`. */
export interface ControlOwner {
  readonly name: 'client' | 'gateway' | 'relay'
  /** Remedy if another process answers on the socket already. */
  readonly ifRunning: string
  /** Remedy if no process answers on the socket. */
  readonly ifNotRunning: string
}

const MAX_REQUEST_BYTES = 4_096
const MAX_ANSWER_BYTES = 16 * 1024 * 1024
const MAX_CONNECTIONS = 16
const IDLE_MS = 30_000
/** Time for open connections to read their answers after the socket is closed. */
const FLUSH_MS = 1_000

/** Listening control socket. */
export class ControlSocket {
  readonly #server: Server
  readonly #path: string
  readonly #open = new Set<Socket>()

  private constructor(path: string, handlers: ControlHandlers<string>) {
    this.#path = path
    this.#server = createServer((socket) => this.#serve(socket, handlers))
    this.#server.maxConnections = MAX_CONNECTIONS
  }

  /**
   * Opens the socket, mode 0600. Replaces a socket that a killed process has left.
   * @throws OperatorError CLIENT_RUNNING, GATEWAY_RUNNING or RELAY_RUNNING if another process answers on it, SOCKET_FAILED
   */
  static async open(path: string, owner: ControlOwner, handlers: ControlHandlers<string>): Promise<ControlSocket> {
    await mkdir(dirname(path), { recursive: true })
    if (await answers(path)) {
      throw new OperatorError(
        `${owner.name.toUpperCase()}_RUNNING`,
        `another ${owner.name} runs already: it answers on ${path}.`,
        owner.ifRunning,
      )
    }
    await rm(path, { force: true })
    const control = new ControlSocket(path, handlers)
    await control.#listen()
    return control
  }

  /** Closes the socket after sending pending answers, such as the one to the command that ends a client. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    for (const socket of this.#open) socket.setTimeout(FLUSH_MS).destroySoon()
    await closed
    await rm(this.#path, { force: true })
  }

  async #listen(): Promise<void> {
    const mask = process.umask(0o177) // so that the socket never exists with another mode
    try {
      await new Promise<void>((resolve, reject) => {
        // The listener stays, so that a later error in accepting a connection does not end the process.
        this.#server.on('error', reject).listen(this.#path, resolve)
      })
    } catch (error) {
      throw new OperatorError('SOCKET_FAILED', `the control socket cannot be opened: ${String(error)}.`, undefined, {
        cause: error,
      })
    } finally {
      process.umask(mask)
    }
    await chmod(this.#path, 0o600)
  }

  #serve(socket: Socket, handlers: ControlHandlers<string>): void {
    this.#open.add(socket)
    socket.setTimeout(IDLE_MS, () => socket.destroy())
    socket.on('error', () => socket.destroy()).on('close', () => this.#open.delete(socket))
    let waiting = Promise.resolve()
    onLines(socket, MAX_REQUEST_BYTES, (line) => {
      waiting = waiting
        .then(async () => {
          const answer = await respond(line, handlers)
          if (!socket.destroyed) socket.write(`${JSON.stringify(answer)}\n`)
        })
        .catch(() => void socket.destroy()) // the result cannot be serialized as JSON
    })
  }
}

export interface ControlRequest<Command extends string> {
  path: string
  owner: ControlOwner
  command: Command
  input?: unknown
  timeoutMs?: number
}

/**
 * Sends a command to a running client or gateway and returns its result.
 * @throws OperatorError CLIENT_NOT_RUNNING, GATEWAY_NOT_RUNNING, or the code with which the command was refused
 */
export const askOwner = async <Command extends string>(request: ControlRequest<Command>): Promise<unknown> => {
  const { path, owner, command, input, timeoutMs = 10_000 } = request
  const answer = await exchange(path, { command, input }, timeoutMs).catch((error: unknown) => {
    throw new OperatorError(
      `${owner.name.toUpperCase()}_NOT_RUNNING`,
      `no ${owner.name} answers on ${path} (${error instanceof Error ? error.message : String(error)}).`,
      owner.ifNotRunning,
    )
  })
  if (answer.ok) return answer.result
  throw new OperatorError(answer.code, answer.message)
}

type Answer = { ok: true; result: unknown } | { ok: false; code: string; message: string }

const respond = async (line: string, handlers: ControlHandlers<string>): Promise<Answer> => {
  const { command, input } = requestOf(line)
  const handler = command !== undefined && Object.hasOwn(handlers, command) ? handlers[command] : undefined
  if (handler === undefined) {
    return {
      ok: false,
      code: 'BAD_REQUEST',
      message: `expected {"command": …} with one of ${Object.keys(handlers).join(', ')}`,
    }
  }
  try {
    return { ok: true, result: (await handler(input)) ?? null }
  } catch (error) {
    if (error instanceof OperatorError) return { ok: false, code: error.code, message: error.message }
    return { ok: false, code: 'FAILED', message: String(error) }
  }
}

const requestOf = (line: string): { command?: string; input?: unknown } => {
  try {
    const request: unknown = JSON.parse(line)
    if (typeof request !== 'object' || request === null || !('command' in request)) return {}
    const { command } = request
    return typeof command === 'string' ? { command, input: 'input' in request ? request.input : undefined } : {}
  } catch {
    return {}
  }
}

const exchange = (path: string, request: object, timeoutMs: number): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(`${JSON.stringify(request)}\n`))
    const timer = setTimeout(() => socket.destroy(new Error('it does not answer')), timeoutMs)
    socket.on('error', reject)
    socket.once('close', () => {
      clearTimeout(timer)
      reject(new Error('it closed the connection'))
    })
    onLines(socket, MAX_ANSWER_BYTES, (line) => {
      try {
        resolve(JSON.parse(line) as Answer)
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)))
      }
      socket.end()
    })
  })

/** Calls `take` with each line; a line with more than `limit` characters ends the connection. */
const onLines = (socket: Socket, limit: number, take: (line: string) => void): void => {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > limit || lines.some((line) => line.length > limit)) {
      socket.destroy()
      return
    }
    for (const line of lines) if (line !== '') take(line)
  })
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
