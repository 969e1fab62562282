// Runs in a client's namespace, see network-configuration.test.ts: makes a device with routes that cover the network of
// eth0, then sends a packet to a neighbour there from sockets with and without the mark. Prints whether each went to
// the neighbour or the tunnel.
import { request } from 'node:http'
import { networkInterfaces } from 'node:os'
import { endpoint, type Family } from '../../../core/runtime/endpoint.ts'
import { OWN_SOCKET_MARK } from '../../../core/runtime/network-configuration.ts'
import {
  createDatagramSockets,
  createNetworkConfiguration,
  createTunDevices,
  outgoingConnections,
} from '../../../hosts/runtime/index.ts'

const DEVICE = 'tun-client'
const WORLD = { ipv4: '198.51.100.2', ipv6: '2001:db8:1::2' } as const
const ECHO_PORT = 7
const CLOSED_PORT = 9

const main = async (): Promise<void> => {
  let inTunnel = (): void => undefined
  await createTunDevices().open({
    name: DEVICE,
    mtu: 1280,
    onBatch: (packets) => {
      for (const packet of packets) if (packet.at(-1) === 0x77) inTunnel()
    },
    onError: (error) => {
      throw error
    },
  })
  const network = createNetworkConfiguration()
  await network.setAddresses(DEVICE, ['100.64.0.6', 'fd00:2021:1111::6'])
  await network.setAddresses(DEVICE, ['100.64.0.7', 'fd00:2021:1111::7'])
  if (process.argv[2] === 'ipv4-only') {
    await network.setRoutes(DEVICE, ['100.96.0.0/11', 'fd00:2021:1111:8000::/107'])
    const addresses = (networkInterfaces()[DEVICE] ?? []).map(({ address }) => address)
    await network.clear()
    process.stdout.write(`${JSON.stringify({ result: { addresses } })}\n`)
    process.exit(0)
  }
  await network.setRoutes(DEVICE, ['192.0.2.0/24', '2001:db8:7::/64'])
  await network.setRoutes(DEVICE, [
    '100.96.0.0/11',
    '198.51.100.0/24',
    '203.0.113.7',
    '0.0.0.0/0',
    'FD00:2021:1111:8000:0::/107',
    '2001:db8:1::/64',
    '::/0',
  ])
  const result: Record<string, string> = {}
  for (const family of ['ipv4', 'ipv6'] satisfies Family[]) {
    for (const mark of [undefined, OWN_SOCKET_MARK]) {
      result[`${mark === undefined ? 'unmarked' : 'marked'} ${family.slice(-1)}`] = await whereTo(
        family,
        mark,
        (listener) => {
          inTunnel = listener
        },
      )
    }
  }
  for (const family of ['ipv4', 'ipv6'] satisfies Family[])
    result[`marked tcp ${family.slice(-1)}`] = await overTcp(family)
  process.stdout.write(`${JSON.stringify({ result })}\n`)
}

/** Destination that a datagram reached: the neighbour, which echoes it, or the tunnel device. */
const whereTo = (family: Family, mark: number | undefined, onTunnel: (listener: () => void) => void): Promise<string> =>
  new Promise((resolve, reject) => {
    onTunnel(() => resolve('tunnel'))
    const options = { family, port: 0, onBatch: () => resolve('world'), onError: reject }
    createDatagramSockets()
      .open({ ...options, ...(mark === undefined ? {} : { mark }) })
      .then((socket) => {
        socket.send([{ to: endpoint(WORLD[family], ECHO_PORT), bytes: new Uint8Array(1000).fill(0x77) }])
      }, reject)
  })

const overTcp = (family: Family): Promise<string> =>
  new Promise((resolve) => {
    // The neighbour refuses the connection, as nothing listens there; the tunnel would swallow the packet.
    const asked = request({
      host: WORLD[family],
      port: CLOSED_PORT,
      createConnection: outgoingConnections({ mark: OWN_SOCKET_MARK, tls: false }),
    })
    asked.on('error', (error) => {
      resolve('code' in error && error.code === 'ECONNREFUSED' ? 'world' : String(error))
    })
    asked.end()
  })

await main()
