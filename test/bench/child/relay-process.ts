// A relay on loopback, for a client that measures it. Says its port on standard output.
import { parsePrefix } from '../../../core/net/prefix.ts'
import { RelayServer } from '../../../hosts/relay/relay-server.ts'
import { createClock, createLogger, createNetworkInterfaces, createRandom } from '../../../hosts/runtime/index.ts'

const relay = new RelayServer({
  listen: ['127.0.0.1'],
  port: Number(process.argv[2] ?? 0),
  addresses: { ipv4: '127.0.0.1' },
  relayedPorts: { first: 61_000, last: 65_535 },
  permittedPeers: [parsePrefix('127.0.0.0/8')].flatMap((prefix) => prefix ?? []),
  limits: { perUser: 100 },
  passwordOf: (username) => (username === 'bench' ? 'bench' : undefined),
  clock: createClock(),
  random: createRandom(),
  logger: createLogger({ level: 'warn' }),
  interfaces: createNetworkInterfaces(),
})
relay.start()
process.stdout.write(`${relay.port ?? 0}\n`)
process.on('SIGUSR2', () => process.stderr.write(`${JSON.stringify(relay.numbers)}\n`))
