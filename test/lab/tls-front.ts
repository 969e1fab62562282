// Takes DNS over TLS for the name server on the same address, as its input says: {address, key, cert}.
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { createServer } from 'node:tls'

const { address, key, cert } = JSON.parse(await text(process.stdin)) as Record<'address' | 'key' | 'cert', string>
const server = createServer({ key, cert }, (client) => {
  const plain = connect(53, address)
  for (const [one, other] of [
    [client, plain],
    [plain, client],
  ] as const) {
    one.on('error', () => other.destroy())
    one.on('close', () => other.destroy())
  }
  client.pipe(plain).pipe(client)
})
server.listen(853, address, () => process.stdout.write('listening\n'))
