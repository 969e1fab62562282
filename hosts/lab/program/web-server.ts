// Protected web server: answers each request with a description of it, and logs requests to standard output.
import { createServer } from 'node:http'
import { readInput } from './stdin.ts'

interface Input {
  name: string
  address: string
  ports: number[]
}

/** Description of a request as the server saw it, which is the content of every page. */
export interface SeenRequest {
  server: string
  /** Host header, which tells name-based virtual hosts apart. */
  host: string
  port: number
  /** Address that the request was sent to. */
  address: string
  /** Source address of the request. */
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
  // Connections are to outlast outages of the network.
  server.keepAliveTimeout = 120_000
  server.listen(port, address, () => process.stdout.write(`listening on ${port}\n`))
}
