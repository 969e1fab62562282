// Connects to a TCP port as any program would, and reports the outcome.
import { connect } from 'node:net'
import { readInput } from './stdin.ts'

interface Input {
  host: string
  port: number
  timeoutMs: number
}

export interface ConnectVerdict {
  /** `connected`, `timeout`, or the system's error code; ICMP "administratively prohibited" becomes EHOSTUNREACH. */
  outcome: string
  ms: number
}

const { host, port, timeoutMs } = await readInput<Input>()
const began = performance.now()
const report = (outcome: string): void => {
  const verdict: ConnectVerdict = { outcome, ms: Math.round(performance.now() - began) }
  process.stdout.write(`${JSON.stringify(verdict)}\n`)
  socket.destroy()
}
const socket = connect({ host, port, family: 4 })
socket.setTimeout(timeoutMs, () => report('timeout'))
socket.once('connect', () => report('connected'))
socket.once('error', (error: NodeJS.ErrnoException) => report(error.code ?? error.message))
