import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { describe, it } from 'mocha'
import { close, listen } from '../../../hosts/portal/listen.ts'
import { openDatagram, openStream } from '../../../hosts/runtime/outgoing-socket.ts'
import { packageRoot, sourceFiles } from '../../kit/source-tree.ts'

const LEAVING = /\.(?:once|off|removeListener)\('error'|removeAllListeners\(/

/** An `error` event without a listener ends a process. */
describe('errors of streams and sockets', () => {
  it('no listener of errors goes away before its stream or socket', () => {
    const leaving = sourceFiles(['core', 'plugins', 'hosts'])
      .filter(({ path, text }) => !path.startsWith('hosts/lab/') && LEAVING.test(text))
      .map(({ path }) => path)
    expect(leaving).to.deep.equal([])
  })

  it('a TCP socket that nobody has taken over is heard, before and after it is connected', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const connected = openStream({ address: '127.0.0.1', port, mark: undefined })
    await new Promise<void>((resolve) => connected.once('connect', resolve))
    const ended = new Promise((resolve) => connected.once('close', resolve))
    connected.destroy(new Error('it broke'))
    await ended
    server.close()
    const refused = openStream({ address: '127.0.0.1', port, mark: undefined })
    await new Promise((resolve) => refused.once('close', resolve))
  })

  it('a UDP socket that nobody has taken over is heard', () => {
    const socket = openDatagram({ address: '127.0.0.1', mark: undefined })
    socket.emit('error', new Error('it broke'))
    socket.close()
  })

  it('a connection that the portal cannot accept is told to its log, each time', async () => {
    const server = createHttpServer()
    const heard: string[] = []
    await listen(server, { host: '127.0.0.1', port: 0, onError: ({ message }) => heard.push(message) })
    for (const message of ['accept EMFILE', 'accept ENFILE']) server.emit('error', new Error(message))
    expect(heard).to.deep.equal(['accept EMFILE', 'accept ENFILE'])
    await close(server)
  })

  it('a log on a full disk costs lines and not the process', () => {
    const script = `
      import { openSync } from 'node:fs'
      const { PinoLogger } = await import(process.argv[1])
      const logger = PinoLogger.open()
      for (let line = 0; line < 5; line++) {
        logger.info({}, 'x'.repeat(1000))
        await new Promise((resolve) => setImmediate(resolve))
      }
      console.log('alive')`
    const logger = `${packageRoot()}/dist/hosts/runtime/logger.js`
    const command = `exec "$0" --input-type=module -e "$1" "$2" 2>/dev/full`
    const { stdout, status } = spawnSync('sh', ['-c', command, process.execPath, script, logger], { encoding: 'utf8' })
    expect({ stdout, status }).to.deep.equal({ stdout: 'alive\n', status: 0 })
  })
})
