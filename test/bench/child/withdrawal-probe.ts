// Runs on the client's machine: calls the portal's API, and measures how long packets still pass after its answer. Each
// line on standard input is a question in JSON, each line on standard output its answer: `{"answer"}` or `{"error"}`.
import { createSocket } from 'node:dgram'
import { Agent, request } from 'node:http'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

/** A request to the API; the path is below /api/v1/. */
export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  body?: unknown
}

export type ProbeQuestion =
  | { ask: 'begin'; portal: string; token: string; port: number }
  /** Calls the API; answered with the bodies, in order. */
  | { ask: 'call'; calls: Call[] }
  /** Sends packets; answered once one has come back. */
  | { ask: 'reach'; address: string }
  | {
      ask: 'measure'
      address: string
      call: Call
      /** Address of the next measurement, to which packets are sent already. */
      next?: string | undefined
    }

export interface Measured {
  /** Milliseconds from the answer's arrival to the sending of the first packet after the last one that came back. */
  ms: number
  /** Milliseconds between that packet and the one before it: the precision of `ms`. */
  stepMs: number
  /** Packets before that one that did not come back. */
  lost: number
}

const EVERY_MS = 2
/** Milliseconds without an answer that count as the end of access, not as a delay. */
const QUIET_MS = 150
const STEADY_PACKETS = 10
const REACH_EVERY_MS = 25
const PATIENCE_MS = 15_000
const CALLS_AT_ONCE = 4

const agent = new Agent({ keepAlive: true })
let about = { portal: '', token: '', port: 0 }

interface Answered {
  at: number
  body: unknown
}

const call = ({ method, path, body }: Call): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const url = `${about.portal}/api/v1/${path}`
    const headers = { authorization: `Bearer ${about.token}`, 'content-type': 'application/json' }
    const asked = request(url, { method, headers, agent, timeout: PATIENCE_MS }, (response) => {
      const at = performance.now()
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (text += part))
      response.once('end', () => {
        if ((response.statusCode ?? 500) >= 300) {
          reject(new Error(`${method} ${path}: ${response.statusCode ?? 0} ${text}`))
        } else resolve({ at, body: text === '' ? null : (JSON.parse(text) as unknown) })
      })
    })
    asked.once('timeout', () => asked.destroy(new Error(`${method} ${path}: no answer`)))
    asked.once('error', reject)
    asked.end(body === undefined ? undefined : JSON.stringify(body))
  })

const callAll = async (calls: readonly Call[]): Promise<unknown[]> => {
  const bodies: unknown[] = []
  const todo = [...calls.entries()]
  const work = async (): Promise<void> => {
    for (let next = todo.shift(); next !== undefined; next = todo.shift()) {
      const [index, each] = next
      bodies[index] = (await call(each)).body
    }
  }
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, work))
  return bodies
}

/** Numbered packets to one address, and which of them came back. */
class Stream {
  readonly sentAt: number[] = []
  /** Number of packets that came back, and the last of them. */
  echoed = 0
  last = -1
  readonly #socket = createSocket('udp4')
  readonly #address: string
  #timer: NodeJS.Timeout | undefined

  constructor(address: string) {
    this.#address = address
    this.#socket.on('message', (message) => {
      this.echoed++
      this.last = Math.max(this.last, message.readUInt32BE(0))
    })
    this.#socket.on('error', () => undefined) // a refused packet counts as no answer
  }

  send(): void {
    const packet = Buffer.alloc(16)
    packet.writeUInt32BE(this.sentAt.length)
    this.sentAt.push(performance.now())
    this.#socket.send(packet, about.port, this.#address, () => undefined) // a refused packet counts as no answer
  }

  every(milliseconds: number): void {
    clearInterval(this.#timer)
    this.send()
    this.#timer = setInterval(() => this.send(), milliseconds)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#socket.close()
  }
}

const until = async (holds: () => boolean, what: string): Promise<void> => {
  const end = performance.now() + PATIENCE_MS
  while (!holds()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${PATIENCE_MS} ms`)
    await pause(2)
  }
}

const reach = async (address: string): Promise<number> => {
  const stream = new Stream(address)
  const began = performance.now()
  try {
    stream.every(REACH_EVERY_MS)
    await until(() => stream.echoed > 0, `${address} is reached`)
    return performance.now() - began
  } finally {
    stream.close()
  }
}

const measure = async ({ address, call: removal, next }: ProbeQuestion & { ask: 'measure' }): Promise<Measured> => {
  await reach(address)
  const stream = new Stream(address)
  const ahead = next === undefined ? undefined : new Stream(next)
  try {
    stream.every(EVERY_MS)
    await until(() => stream.echoed >= STEADY_PACKETS, `packets come back from ${address}`)
    const { at } = await call(removal)
    ahead?.send()
    const refusedAt = (): number | undefined => stream.sentAt[stream.last + 1]
    await until(() => performance.now() - (refusedAt() ?? Infinity) >= QUIET_MS, `${address} is refused`)
    const refused = refusedAt() ?? Number.NaN
    const before = stream.sentAt[stream.last] ?? Number.NaN
    return { ms: refused - at, stepMs: refused - before, lost: stream.last + 1 - stream.echoed }
  } finally {
    stream.close()
    ahead?.close()
  }
}

const answer = async (question: ProbeQuestion): Promise<unknown> => {
  switch (question.ask) {
    case 'begin':
      about = question
      return null
    case 'call':
      return callAll(question.calls)
    case 'reach':
      return reach(question.address)
    case 'measure':
      return measure(question)
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const outcome = await answer(JSON.parse(line) as ProbeQuestion).then(
    (given) => ({ answer: given }),
    (error: unknown) => ({ error: String(error) }),
  )
  process.stdout.write(`${JSON.stringify(outcome)}\n`)
}
process.exit()
