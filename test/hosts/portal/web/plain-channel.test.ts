import { createServer, request, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { Secret } from '../../../../core/runtime/secret.ts'
import { PortalConnection } from '../../../../hosts/peer/portal-connection.ts'
import type { LinkInput } from '../../../../core/control/portal-link.ts'
import { createClock, createWebSockets } from '../../../../hosts/runtime/index.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'

const KEYS = { privateKey: new Uint8Array(32).fill(1), publicKey: new Uint8Array(32).fill(2) }

describe('a control channel that is asked for without an upgrade', () => {
  let portal: PortalFixture
  /** A proxy like nginx without a line for upgrades: hop-by-hop headers are the proxy's own. */
  let proxy: Server

  before(async () => {
    portal = await PortalFixture.start()
    const pass = (incoming: IncomingMessage, answer: (text: Answer) => void) => {
      const { upgrade: _, connection: __, ...headers } = incoming.headers
      const onward = request(new URL(incoming.url ?? '/', portal.url), { method: incoming.method, headers }, (got) => {
        const chunks: Buffer[] = []
        got.on('data', (chunk: Buffer) => chunks.push(chunk))
        got.on('end', () => answer({ status: got.statusCode ?? 0, body: Buffer.concat(chunks) }))
      })
      onward.end()
    }
    proxy = createServer()
    proxy.on('upgrade', (incoming, socket) => {
      pass(incoming, ({ status, body }) => {
        socket.end(
          `HTTP/1.1 ${status} -\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\n\r\n${body.toString()}`,
        )
      })
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  })
  after(async () => {
    proxy.closeAllConnections()
    await new Promise((resolve) => proxy.close(resolve))
    await portal.stop()
  })

  for (const role of ['client', 'gateway'] as const) {
    it(`a control channel without an upgrade is answered with 426 and logged once, and the ${role} names the proxy`, async () => {
      const answer = await fetch(`${portal.url}/${role}/v2/websocket?external_id=a`)
      expect(answer.status).to.equal(426)
      expect(answer.headers.get('upgrade')).to.equal('websocket')
      expect(answer.headers.get('content-type')).to.include('application/problem+json')
      expect(((await answer.json()) as { code: string }).code).to.equal('upgrade_required')
      const told = await new Promise<LinkInput<typeof role>>((resolve) => {
        new PortalConnection({
          role,
          portalUrl: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
          identity: {
            id: 'id',
            name: 'x',
            keys: KEYS,
            transport: 'memory',
            token: new Secret('.t0ken'),
            userAgent: 'a/1',
            process: 'a'.repeat(22),
          },
          ports: { webSockets: createWebSockets(), clock: createClock() },
          tell: resolve,
        }).open()
      })
      expect(told).to.have.nested.property('problem.code', 'upgrade_stripped')
      expect(portal.logger.lines.filter(({ message }) => message.includes('without an upgrade'))).to.have.length(1)
    })
  }
})

interface Answer {
  status: number
  body: Buffer
}
