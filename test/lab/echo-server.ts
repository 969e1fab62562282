// Returns all received bytes until the other side ends: `echo-server ADDRESS PORT`.
import { createServer } from 'node:net'

const [address = '', port = ''] = process.argv.slice(2)
createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  socket.pipe(socket)
}).listen(Number(port), address, () => process.stdout.write('listening\n'))
