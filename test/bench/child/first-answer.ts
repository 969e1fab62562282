// For each line `{"address","port"}` on standard input: sends a datagram there from a new socket, and prints the
// milliseconds until the first byte of its answer, as `{"ms"}`, or `{"error"}`.
import { createSocket } from 'node:dgram'
import { createInterface } from 'node:readline'

interface Wish {
  address: string
  port: number
}

const TIMEOUT_MS = 20_000

const firstAnswer = ({ address, port }: Wish): Promise<number> =>
  new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    const end = (act: () => void): void => {
      clearTimeout(timer)
      socket.close()
      act()
    }
    const timer = setTimeout(() => end(() => reject(new Error(`no answer within ${TIMEOUT_MS} ms`))), TIMEOUT_MS)
    socket.once('error', (error) => end(() => reject(error)))
    socket.bind(() => {
      const began = performance.now()
      socket.once('message', () => {
        const milliseconds = performance.now() - began
        end(() => resolve(milliseconds))
      })
      socket.send('first', port, address)
    })
  })

// The first use of a socket takes milliseconds, which are not to be measured.
const echo = createSocket('udp4')
echo.on('message', (message, from) => echo.send(message, from.port, from.address))
await new Promise<void>((resolve) => void echo.bind(0, '127.0.0.1', resolve))
for (let time = 0; time < 20; time++) await firstAnswer({ address: '127.0.0.1', port: echo.address().port })
echo.close()

process.stdout.write('ready\n')
for await (const line of createInterface({ input: process.stdin })) {
  const outcome = await firstAnswer(JSON.parse(line) as Wish).then(
    (ms) => ({ ms }),
    (error: unknown) => ({ error: String(error) }),
  )
  process.stdout.write(`${JSON.stringify(outcome)}\n`)
}
