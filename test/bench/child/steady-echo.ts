// Sends a datagram every few milliseconds to `{"address","port","everyMs"}` of its first line of standard input. Each
// further line ends a measurement and begins another: it prints `{"gapMs"}`, the longest time without an answer since the
// line before. Prints `answered` at the first answer.
import { createSocket } from 'node:dgram'
import { createInterface } from 'node:readline'

interface Input {
  address: string
  port: number
  everyMs: number
}

const socket = createSocket('udp4')
let answeredAt: number | undefined
let gapMs = 0

const look = (): void => {
  if (answeredAt !== undefined) gapMs = Math.max(gapMs, performance.now() - answeredAt)
}

socket.on('message', () => {
  if (answeredAt === undefined) process.stdout.write('answered\n')
  look()
  answeredAt = performance.now()
})
// An address that is just being taken away is refused for a moment.
socket.on('error', () => undefined)

let isBegun = false
for await (const line of createInterface({ input: process.stdin })) {
  if (isBegun) {
    look()
    process.stdout.write(`${JSON.stringify({ gapMs })}\n`)
    gapMs = 0
    continue
  }
  isBegun = true
  const { address, port, everyMs } = JSON.parse(line) as Input
  setInterval(() => socket.send('steady', port, address, () => undefined), everyMs)
}
process.exit(0)
