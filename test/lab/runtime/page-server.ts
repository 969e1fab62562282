// Runs in a namespace, see ways-out.test.ts: a server of WebSockets and pages at an address, and of pages by HTTPS at port 8443.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { join } from 'node:path'
import { WebSocketServer } from 'ws'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'

const [, , host, port] = process.argv
const server = createServer((_, response) => response.end('page'))
new WebSocketServer({ server }).on('connection', () => undefined)
const fixture = (name: string): Buffer => readFileSync(join(packageRoot(), 'test/fixture/tls', name))
const secured = createTlsServer({ key: fixture('localhost.key'), cert: fixture('localhost.crt') }, (_, response) => {
  response.setHeader('connection', 'close').end('page')
})
await once(secured.listen(8443, host), 'listening')
server.listen(Number(port), host, () => process.stdout.write('listening\n'))
