// Runs in a namespace, see ways-out.test.ts: a server of WebSockets and pages at an address.
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const [, , host, port] = process.argv
const server = createServer((_, response) => response.end('page'))
new WebSocketServer({ server }).on('connection', () => undefined)
server.listen(Number(port), host, () => process.stdout.write('listening\n'))
