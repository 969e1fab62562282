// Sends bytes that never repeat to an echo server, and prints how many came back and whether they were the same:
// `echo-client ADDRESS PORT BYTES`.
import { createHash } from 'node:crypto'
import { connect } from 'node:net'

const CHUNK = 65_521 // a prime: no packet begins where a chunk does
const [address = '', port = '', bytes = ''] = process.argv.slice(2)
const sent = createHash('sha256')
const received = createHash('sha256')
let left = Number(bytes)
let came = 0
let next = 1

const socket = connect({ host: address, port: Number(port), allowHalfOpen: true })
const write = (): void => {
  while (left > 0) {
    const words = new Uint32Array(Math.ceil(CHUNK / 4))
    for (let at = 0; at < words.length; at++) words[at] = next = Math.imul(next, 0x9e3779b1) + 12_345
    const chunk = new Uint8Array(words.buffer, 0, Math.min(CHUNK, left))
    left -= chunk.length
    sent.update(chunk)
    if (!socket.write(chunk)) {
      socket.once('drain', write)
      return
    }
  }
  socket.end()
}
socket.once('connect', write)
socket.on('data', (chunk) => {
  came += chunk.length
  received.update(chunk)
})
socket.once('end', () => {
  const isSame = sent.digest('hex') === received.digest('hex')
  process.stdout.write(`${JSON.stringify({ came, isSame })}\n`)
  process.exit(0)
})
