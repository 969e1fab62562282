// Keeps trying to connect to protected servers directly, without the product, and reports the result on SIGTERM.
import { connect } from 'node:net'
import { readInput } from './stdin.ts'

interface Input {
  targets: { address: string; port: number }[]
  everyMs: number
  timeoutMs: number
}

export interface DirectAccess {
  attempts: number
  /** Connections that succeeded, as `10.20.0.80:80 after 1200 ms`; none if all is well. */
  successes: string[]
}

const { targets, everyMs, timeoutMs } = await readInput<Input>()
const result: DirectAccess = { attempts: 0, successes: [] }

const attempt = ({ address, port }: Input['targets'][number]): void => {
  result.attempts += 1
  const socket = connect({ host: address, port, timeout: timeoutMs })
  socket.on('connect', () => {
    result.successes.push(`${address}:${port} after ${Math.round(performance.now())} ms`)
    socket.destroy()
  })
  socket.on('timeout', () => socket.destroy())
  socket.on('error', () => socket.destroy())
}

const timer = setInterval(() => targets.forEach(attempt), everyMs)
targets.forEach(attempt)
process.stdout.write('watching\n')
process.once('SIGTERM', () => {
  clearInterval(timer)
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
})
