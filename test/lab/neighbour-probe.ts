// Runs in a neighbour's namespace, see neighbours.test.ts: tries ports of an address by TCP and by UDP, and pings it.
// The argument is {address, ports}; prints all answers.
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'

/**
 * Milliseconds without an answer that count as silence. A refusal is an answer too, as it shows that a machine is
 * there.
 */
const SILENCE_MS = 1_500

const { address, ports } = JSON.parse(process.argv[2] ?? '') as { address: string; ports: number[] }
const heard: string[] = []

const overTcp = (port: number): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: SILENCE_MS })
    const end = (what?: string) => {
      if (what !== undefined) heard.push(`tcp ${port} ${what}`)
      socket.destroy()
      resolve()
    }
    socket.once('connect', () => end('open'))
    socket.once('timeout', () => end())
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ETIMEDOUT') end()
      else end(error.code)
    })
  })

const overUdp = async (port: number): Promise<void> => {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.connect(port, address)
  await once(socket, 'connect')
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, SILENCE_MS)
    const end = (what: string) => {
      heard.push(`udp ${port} ${what}`)
      clearTimeout(timer)
      resolve()
    }
    socket.once('message', () => end('answer'))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'error'))
    // A query that any resolver answers.
    socket.send(Buffer.from('123401000001000000000000076578616d706c65036f72670000010001', 'hex'))
  })
  socket.close()
}

await Promise.all(ports.flatMap((port) => [overTcp(port), overUdp(port)]))
if (spawnSync('ping', ['-c', '1', '-W', '1', address]).status === 0) heard.push('ping')
process.stdout.write(`${JSON.stringify(heard.toSorted())}\n`)
