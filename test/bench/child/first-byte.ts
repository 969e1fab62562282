// Requests a page for each line `{"address","port","host"}` on standard input, over a new connection, and prints the
// milliseconds from the first packet to the first byte of the answer.
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

interface Wish {
  address: string
  port: number
  host: string
}

const firstByte = ({ address, port, host }: Wish): Promise<number> =>
  new Promise((resolve, reject) => {
    const began = performance.now()
    const socket = connect({ host: address, port, timeout: 20_000 })
    socket.once('connect', () => socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`))
    socket.once('data', () => {
      resolve(performance.now() - began)
      socket.destroy()
    })
    socket.once('error', reject)
    socket.once('timeout', () => socket.destroy(new Error('no answer within 20 s')))
  })

for await (const line of createInterface({ input: process.stdin })) {
  const outcome = await firstByte(JSON.parse(line) as Wish).then(
    (ms) => ({ ms }),
    (error: unknown) => ({ error: String(error) }),
  )
  process.stdout.write(`${JSON.stringify(outcome)}\n`)
}
