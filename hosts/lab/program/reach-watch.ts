// Requests a page repeatedly, each time over a new connection, and reports when the outcome changes: the gateway that
// it came through, or that there is no answer.
import { get } from 'node:http'
import { readInput } from './stdin.ts'

interface Input {
  /** Address to connect to. */
  address: string
  /** Value of the Host header. */
  host: string
  everyMs: number
  /** Time after which a request without an answer counts as failed. */
  timeoutMs: number
}

/** Outcome of requests, written as a line of JSON at each change. Times are epoch milliseconds. */
export interface Reach {
  /** Source address that the server saw; null if there was no answer. */
  from: string | null
  /** Start time of the first request with this outcome. */
  beganAt: number
}

const { address, host, everyMs, timeoutMs } = await readInput<Input>()
let shown: string | null | undefined
/** Start time of the latest request reported: requests may end in another order than they began. */
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
