// Keeps one connection to a web server and sends requests over it, one after another. It measures from a first SIGUSR2 on;
// when the server has answered steadily since a second one, it reports the longest time without an answer.
import { Agent, get } from 'node:http'
import { performance } from 'node:perf_hooks'
import { readInput } from './stdin.ts'

interface Input {
  /** Address to connect to. */
  address: string
  /** Value of the Host header. */
  host: string
  everyMs: number
  /** Number of answers in a row after which the server answers steadily. */
  steady: number
}

/** Measurement, written as a line of JSON. */
export interface Outage {
  /** Longest time between two answers, in milliseconds. */
  gapMs: number
  /** Number of connections since the program began; 1 while the first goes on. */
  connections: number
}

const { address, host, everyMs, steady } = await readInput<Input>()
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
let connections = 0
let answeredAt: number | undefined
/** `answers` are counted from the second signal on. */
let measured: { gapMs: number; answers: number | undefined } | undefined

const ask = (): void => {
  const request = get({ host: address, port: 80, headers: { host }, agent }, (response) => {
    response.resume().on('end', () => {
      answered()
      setTimeout(ask, everyMs)
    })
  })
  request.once('socket', (socket) => {
    if (socket.connecting) connections += 1
  })
  request.on('error', () => setTimeout(ask, everyMs))
}

const answered = (): void => {
  const now = performance.now()
  if (answeredAt === undefined) process.stdout.write('answered\n')
  else if (measured !== undefined) {
    measured.gapMs = Math.max(measured.gapMs, now - answeredAt)
    if (measured.answers !== undefined && ++measured.answers === steady) {
      const outage: Outage = { gapMs: Math.round(measured.gapMs), connections }
      process.stdout.write(`${JSON.stringify(outage)}\n`)
      measured = undefined
    }
  }
  answeredAt = now
}

process.on('SIGUSR2', () => {
  if (measured === undefined) measured = { gapMs: 0, answers: undefined }
  else measured.answers = 0
})
ask()
