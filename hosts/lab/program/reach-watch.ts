// Asks for a page over and over, each time by a new connection, and says when the answer changes: which gateway it came by, or
// that there is none.
import { get } from 'node:http'
import { readInput } from './stdin.ts'

interface Input {
  /** The address to connect to, and the name to ask for. */
  address: string
  host: string
  everyMs: number
  /** A request that has no answer after it counts as failed. */
  timeoutMs: number
}

/** Written as a line of JSON for each change. Times are epoch milliseconds. */
export interface Reach {
  /** The address that the server saw, null where there was no answer. */
  from: string | null
  /** When the first request with this outcome was begun. */
  beganAt: number
}

const { address, host, everyMs, timeoutMs } = await readInput<Input>()
let shown: string | null | undefined
/** Requests may end in another order than they began. */
let newest = 0

const report = (from: string | null, beganAt: number): void => {
  if (beganAt < newest) return
  newest = beganAt
  if (from === shown) return
  const reach: Reach = { from, beganAt }
  process.stdout.write(`${JSON.stringify(reach)}\n`)
  shown = from
}

const ask = (): void => {
  const beganAt = Date.now()
  const request = get({ host: address, port: 80, headers: { host }, agent: false, timeout: timeoutMs }, (response) => {
    let body = ''
    response.on('data', (chunk: Buffer) => (body += chunk.toString()))
    response.on('end', () => report((JSON.parse(body) as { from: string }).from, beganAt))
  })
  request.on('timeout', () => request.destroy(new Error('no answer')))
  request.on('error', () => report(null, beganAt))
}

setInterval(ask, everyMs)
ask()
