// Asks a web server for a page every few milliseconds, each time over a new TCP connection, as `{"address","everyMs"}` of its
// first line of standard input says. Each further line ends a measurement and begins another: once each request of the
// measurement is answered or lost, it prints a `StreamFigures`. Prints `answered` at the first answer.
import { get } from 'node:http'
import { createInterface } from 'node:readline'

interface Input {
  address: string
  everyMs: number
}

/** Figures of a stream of new connections during a change. */
export interface StreamFigures {
  /** Longest time in milliseconds between two answers. */
  gapMs: number
  /** Longest time in milliseconds that a request took which was answered. */
  slowestMs: number
  /** Number of requests. */
  asked: number
  /** Number of requests that got an error, or no answer within 10 s. */
  lost: number
  /** Address from which the server was last asked: the gateway's at the site. */
  from: string
}

/** Time after which a request without an answer is lost. */
const LOST_AFTER_MS = 10_000

/** A measurement: its requests, and the answers that came while it ran. */
interface Measurement {
  asked: number
  open: number
  lost: number
  slowestMs: number
  gapMs: number
  isEnded: boolean
}

let from = ''
let answeredAt: number | undefined
const begin = (): Measurement => ({ asked: 0, open: 0, lost: 0, slowestMs: 0, gapMs: 0, isEnded: false })
let measurement = begin()

const report = ({ isEnded, open, ...figures }: Measurement): void => {
  if (!isEnded || open > 0) return
  const { gapMs, slowestMs, asked, lost } = figures
  process.stdout.write(`${JSON.stringify({ gapMs, slowestMs, asked, lost, from } satisfies StreamFigures)}\n`)
}

const ask = (address: string): void => {
  const of = measurement
  const beganAt = performance.now()
  of.asked++
  of.open++
  let isSettled = false
  const settle = (body: string | undefined): void => {
    if (isSettled) return
    isSettled = true
    clearTimeout(timer)
    of.open--
    const now = performance.now()
    if (body === undefined) of.lost++
    else {
      of.slowestMs = Math.max(of.slowestMs, now - beganAt)
      // An outage belongs to the measurement in which it ends.
      if (answeredAt === undefined) process.stdout.write('answered\n')
      else measurement.gapMs = Math.max(measurement.gapMs, now - answeredAt)
      answeredAt = now
      from = (JSON.parse(body) as { from: string }).from
    }
    report(of)
  }
  const request = get({ host: address, agent: false }, (response) => {
    let body = ''
    response.setEncoding('utf8')
    response.on('data', (text: string) => (body += text))
    response.on('end', () => settle(body))
    response.on('error', () => settle(undefined))
  })
  request.on('error', () => settle(undefined))
  const timer = setTimeout(() => {
    settle(undefined)
    request.destroy()
  }, LOST_AFTER_MS)
}

let isBegun = false
for await (const line of createInterface({ input: process.stdin })) {
  if (isBegun) {
    const ended = measurement
    measurement = begin()
    ended.isEnded = true
    report(ended)
    continue
  }
  isBegun = true
  const { address, everyMs } = JSON.parse(line) as Input
  setInterval(() => ask(address), everyMs)
}
process.exit(0)
