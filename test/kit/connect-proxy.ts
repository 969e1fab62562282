import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'

/** CONNECT request as a proxy received it. */
export interface Connect {
  authority: string
  /** Value of Proxy-Authorization. */
  authorization: string | undefined
}

/** HTTP proxy on a free loopback port, which connects to one loopback port, whatever target it is asked for. */
export class ConnectProxy {
  readonly port: number
  /** Requests so far. */
  readonly asked: Connect[] = []
  /** Status line with which CONNECT is refused, such as `403 Forbidden`; undefined if it is granted. */
  refusal: string | undefined
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
  }

  static async start({ targetPort }: { targetPort: number }): Promise<ConnectProxy> {
    const server = createServer((_, response) => response.writeHead(405).end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const proxy = new ConnectProxy(server)
    server.on('connect', ({ url: authority = '', headers }, client: Socket, head: Buffer) => {
      proxy.asked.push({ authority, authorization: headers['proxy-authorization'] })
      if (proxy.refusal !== undefined) return client.end(`HTTP/1.1 ${proxy.refusal}\r\nContent-Length: 0\r\n\r\n`)
      const target = connect(targetPort, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n')
        target.write(head)
        client.pipe(target).pipe(client)
      })
      for (const socket of [client, target]) proxy.#sockets.add(socket.on('error', () => undefined))
    })
    return proxy
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.closeAllConnections()
    await new Promise((resolve) => {
      this.#server.close(resolve)
    })
  }
}
