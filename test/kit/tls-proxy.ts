import { createHash, X509Certificate } from 'node:crypto'
import { request } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { makeCertificate } from './certificate.ts'

/** A reverse proxy that terminates TLS on a free loopback port, in front of a portal. */
export class TlsProxy {
  /** URL that requests are forwarded to: `http://127.0.0.1:8080`. */
  upstream = ''
  readonly port: number
  /**
   * Hash of the proxy's key for Chromium's --ignore-certificate-errors-spki-list, which trusts this key and no other.
   */
  readonly keyHash: string
  readonly #server: Server

  private constructor(server: Server, cert: string) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    const key = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' })
    this.keyHash = createHash('sha256').update(key).digest('base64')
  }

  /** Starts a proxy for one host name. Its X-Forwarded-For names `clientAddress` as the origin of every request. */
  static async start({ name, clientAddress }: { name: string; clientAddress: string }): Promise<TlsProxy> {
    const { key, cert } = await makeCertificate([name])
    const to: { proxy?: TlsProxy } = {}
    const server = createServer({ key, cert }, (incoming, outgoing) => {
      const headers = { ...incoming.headers, 'x-forwarded-for': clientAddress, 'x-forwarded-proto': 'https' }
      const { method } = incoming
      const onward = request(new URL(incoming.url ?? '/', to.proxy?.upstream), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
        answer.pipe(outgoing)
      })
      onward.on('error', () => outgoing.writeHead(502).end())
      incoming.pipe(onward)
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    return (to.proxy = new TlsProxy(server, cert))
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => {
      this.#server.close(resolve)
    })
  }
}
