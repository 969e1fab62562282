// A protected server: answers each request with what it saw, and says on standard output that it is there.
import { createServer } from 'node:http'
import { readInput } from './stdin.ts'

interface Input {
  name: string
  address: string
  ports: number[]
}

/** What a page says. */
export interface SeenRequest {
  server: string
  /** The name that the browser asked for: name-based virtual hosts tell their sites apart by it. */
  host: string
  port: number
  /** The server's own address, and whom it takes the request to come from. */
  address: string
  from: string
}

const { name, address, ports } = await readInput<Input>()
let requests = 0
for (const port of ports) {
  const server = createServer((request, response) => {
    requests += 1
    process.stdout.write(`request ${requests} on ${port} from ${request.socket.remoteAddress ?? '?'}\n`)
    const seen: SeenRequest = {
      server: name,
      host: request.headers.host ?? '',
      port,
      address: request.socket.localAddress ?? '',
      from: request.socket.remoteAddress ?? '',
    }
    response.setHeader('content-type', 'application/json').end(`${JSON.stringify(seen)}\n`)
  })
  server.listen(port, address, () => process.stdout.write(`listening on ${port}\n`))
}
