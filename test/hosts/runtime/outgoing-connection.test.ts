import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { createServer as createTlsServer, request as requestTls } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { WebSocket, WebSocketServer } from 'ws'
import { OWN_SOCKET_MARK } from '../../../core/runtime/network-configuration.ts'
import { outgoingConnections } from '../../../hosts/runtime/index.ts'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'
import { needsKernel } from '../../kit/needs-kernel.ts'

const marked = outgoingConnections({ mark: OWN_SOCKET_MARK, tls: false })

describe('a marked connection', () => {
  needsKernel()

  const get = (host: string, port: number): Promise<string> =>
    new Promise((resolve) => {
      const asked = request({ host, port, createConnection: marked }, (response) => {
        response.on('data', (chunk) => {
          resolve(String(chunk))
        })
      })
      asked.on('error', (error) => {
        resolve('code' in error ? String(error.code) : String(error))
      })
      asked.end()
    })

  it('a marked connection carries HTTP, tries every address of a name, and says why none answered', async () => {
    const server = createServer((_, response) => response.end('hello'))
    server.listen(0, '127.0.0.1') // `localhost` may be ::1 as well, where nobody listens
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect(await get('127.0.0.1', port)).to.equal('hello')
    expect(await get('localhost', port)).to.equal('hello')
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    expect(await get('localhost', port)).to.equal('ECONNREFUSED')
    expect(await get('name.invalid', port)).to.be.oneOf(['ENOTFOUND', 'EAI_AGAIN'])
  })

  it('a marked connection verifies the certificate of the name, or of the address, that was asked for', async () => {
    const certificate = readFileSync(join(packageRoot(), 'test/fixture/tls/localhost.crt'))
    const key = readFileSync(join(packageRoot(), 'test/fixture/tls/localhost.key'))
    const server = createTlsServer({ key, cert: certificate }, (_, response) => response.end('hello'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const getTls = (host: string, ca?: Buffer): Promise<string> =>
      new Promise((resolve) => {
        const createConnection = outgoingConnections({ mark: OWN_SOCKET_MARK, tls: true })
        const options = { host, port, createConnection, ...(ca === undefined ? {} : { ca }) }
        const asked = requestTls(options, (response) => {
          response.on('data', (chunk) => {
            resolve(String(chunk))
          })
        })
        asked.on('error', (error) => {
          resolve('code' in error ? String(error.code) : String(error))
        })
        asked.end()
      })
    expect(await getTls('localhost', certificate)).to.equal('hello')
    expect(await getTls('localhost')).to.equal('DEPTH_ZERO_SELF_SIGNED_CERT')
    expect(await getTls('127.0.0.1', certificate)).to.equal('ERR_TLS_CERT_ALTNAME_INVALID')
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  it('a marked connection carries a WebSocket of ws', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await once(server, 'listening')
    server.on('connection', (socket) => {
      socket.on('message', (data) => {
        socket.send(data)
      })
    })
    const { port } = server.address() as AddressInfo
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { createConnection: marked as never })
    await once(socket, 'open')
    const answer = once(socket, 'message')
    socket.send('echo')
    expect(String((await answer)[0])).to.equal('echo')
    socket.close()
    await once(socket, 'close')
    await new Promise((resolve) => server.close(resolve))
  })
})
