// Runs in a namespace, see link-local-resolver.test.ts: queries each server of the resolv.conf that is named, over UDP
// and TCP, by sockets with and without the mark, and prints the answers.
import { decode, encode } from 'dns-packet'
import { OWN_SOCKET_MARK } from '../../../core/runtime/network-configuration.ts'
import { createDnsExchange, createSystemResolvers } from '../../../hosts/runtime/index.ts'

const [, , path = ''] = process.argv
const heard: string[] = []
for (const server of createSystemResolvers({ path }).servers()) {
  for (const mark of [undefined, OWN_SOCKET_MARK]) {
    for (const protocol of ['udp', 'tcp'] as const) {
      const query = encode({
        type: 'query',
        id: 7,
        flags: 0x100,
        questions: [{ type: 'AAAA', name: 'web.example.org' }],
      })
      const exchange = createDnsExchange({ markFor: () => mark })
      const bytes = await exchange.send({ server, protocol, message: query, timeoutMs: 30_000 })
      const [answer] = decode(Buffer.from(bytes)).answers ?? []
      heard.push(`${server} ${protocol} ${answer?.type === 'AAAA' ? answer.data : 'nothing'}`)
    }
  }
}
process.stdout.write(`${JSON.stringify(heard)}\n`)
