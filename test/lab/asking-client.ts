// Keeps a connection to a web server open and asks for a page again and again: `asking-client ADDRESS PORT`. Prints
// `open` after the first answer, and at last the code of the error that ended the connection, or `closed`.
import { connect } from 'node:net'

const [address = '', port = ''] = process.argv.slice(2)
const socket = connect({ host: address, port: Number(port) })
const ask = (): void => void socket.write(`GET / HTTP/1.1\r\nHost: ${address}\r\n\r\n`)
let isOpen = false
socket.once('connect', ask)
socket.on('data', () => {
  if (!isOpen) process.stdout.write('open\n')
  isOpen = true
  setTimeout(ask, 100)
})
const end = (how: string): void => {
  process.stdout.write(`${how}\n`)
  process.exit(0)
}
socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'unknown'))
socket.once('end', () => end('closed'))
