// Returns every datagram from the address that it was sent to: `udp-echo PORT ADDRESS…`. Prints `ready`.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

const [port, ...addresses] = process.argv.slice(2)
for (const address of addresses) {
  const socket = createSocket('udp4')
  socket.on('message', (message, from) => socket.send(message, from.port, from.address))
  socket.on('error', (error) => process.stderr.write(`${address}: ${String(error)}\n`))
  socket.bind(Number(port), address)
  await once(socket, 'listening')
}

// The first use of a socket takes milliseconds, which are not to be measured.
const asker = createSocket('udp4')
for (let time = 0; time < 20; time++) {
  asker.send('first', Number(port), addresses[0] ?? '')
  await once(asker, 'message')
}
asker.close()
process.stdout.write('ready\n')
