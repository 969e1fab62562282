// Scenario in which client and gateway change their addresses, and the client its network, while a connection through the
// tunnel goes on.
import { ConnectionWatch } from './connection-watch.ts'
import { eventually } from './eventually.ts'
import type { Namespace } from './namespace.ts'
import { joinByRouter } from './nat-router.ts'
import { outsidePort } from './network.ts'
import type { Scenario } from './scenario.ts'
import { clientConnected, clientConnects, gatewayConnects, gatewaysConnected, PORTAL_RUNS } from './setting-up.ts'
import type { Step } from './step.ts'
import { MACHINES } from './topology.ts'
import { expectThat, type World } from './world.ts'

const HOST = 'gitlab.example.org'
/** Longest time for which a roam may stop a connection. */
const GOAL_MS = 1_000
/** Longest time until there is a new handshake after the network is back: the portal is connected to and asked first. */
const HANDSHAKE_MS = 2_000
/** Longest time for which the connection stands still after the network is back. */
const RESUMED_MS = 2_000
/** Longer than the 15 s after which WireGuard wants a new handshake. */
const AWAY_MS = 20_000

const CLIENT = { first: MACHINES.client.outside, second: '203.0.113.201', ipv6: '2001:db8:113::200', ipv6Later: '2001:db8:113::201' } // prettier-ignore
const GATEWAY = { first: MACHINES['gateway-1'].outside, second: '203.0.113.111', ipv6: '2001:db8:113::101', ipv6Later: '2001:db8:113::111' } // prettier-ignore
const MOBILE = { inside: '192.168.44.20', outside: '203.0.113.78', device: 'mobile', translation: 'random' } as const

let watch: ConnectionWatch | undefined

/** Makes the step in which something changes, and the one connection goes on. */
const roams = (name: string, change: (world: World) => Promise<void>): Step<World> => ({
  name: `H7 ${name}, and the connection goes on`,
  run: async (world) => {
    const { gapMs, connections } = await watched().during(() => change(world))
    expectThat(connections === 1, `${connections - 1} times a new connection was made`)
    expectThat(gapMs < GOAL_MS, `it stopped for ${gapMs} ms`)
    const [gateway] = (await world.clientStatus()).gateways
    return `it stopped for ${gapMs} ms; path ${gateway?.path ?? 'unknown'}`
  },
})

/** Waits for a handshake since a time (epoch milliseconds), and returns how long after that it was. */
const handshakeSince = (world: World, since: number): Promise<number> =>
  eventually(
    async () => {
      const [gateway] = (await world.clientStatus()).gateways
      const at = Date.parse(gateway?.last_handshake ?? '')
      return at >= since ? at - since : undefined
    },
    { what: 'a new handshake', timeoutMs: 20_000 },
  )

const watched = (): ConnectionWatch => {
  if (watch === undefined) throw new Error('there is no connection')
  return watch
}

const replaceAddress = async (machine: Namespace, before: string, later: string): Promise<void> => {
  const [length, flags] = before.includes(':') ? [64, ' nodad'] : [24, '']
  // One process, as a network manager is: starting two would be most of the time that is measured.
  const input = `address del ${before}/${length} dev outside\naddress add ${later}/${length} dev outside${flags}\n`
  await machine.mustRun('ip', ['-batch', '-'], { input })
}

/** Makes the step in which both are connected to the portal again. */
const reconnected = (name: string): Step<World> => ({
  name,
  run: async (world) => {
    await bothConnected(world)
    return 'client and gateway are connected'
  },
})

const bothConnected = async (world: World): Promise<void> => {
  await clientConnected(world)
  await gatewaysConnected(world, ['gateway-1'])
}

export const ROAM: Scenario = {
  needsProvider: false,
  steps: [
    ...PORTAL_RUNS,
    gatewayConnects({ at: GATEWAY.first }),
    clientConnects({ at: CLIENT.first }),
    {
      name: 'a connection through the tunnel',
      run: async (world) => {
        const [address = ''] = await world.resolve(HOST)
        watch = await ConnectionWatch.start(world.lab.machines.client, { address, host: HOST })
        return `to ${HOST}, at ${address}`
      },
    },
    roams('the client has another IPv4 address', ({ lab }) =>
      replaceAddress(lab.machines.client, CLIENT.first, CLIENT.second),
    ),
    reconnected('the client is connected to the portal from its new address'),
    roams('the gateway has another IPv4 address', ({ lab }) =>
      replaceAddress(lab.machines['gateway-1'], GATEWAY.first, GATEWAY.second),
    ),
    reconnected('the gateway is connected to the portal from its new address'),
    {
      name: 'both have IPv6 addresses, too, which they tell each other through the portal',
      run: async (world) => {
        const { client, 'gateway-1': gateway } = world.lab.machines
        await client.address('outside', `${CLIENT.ipv6}/64`)
        await gateway.address('outside', `${GATEWAY.ipv6}/64`)
        // Paths over IPv6 are preferred (RFC 8421 §4).
        return eventually(
          async () => {
            const { gateways, reach } = await world.clientStatus()
            const path = gateways[0]?.path ?? 'none'
            if (path.includes(GATEWAY.ipv6)) return `path ${path}`
            const offers = reach?.offers.map((offer) => offer.endpoint).join(' ') ?? 'nothing'
            throw new Error(
              `it is ${path}; the client offers ${offers}; the gateway offers ${gateways[0]?.not_direct?.said ?? '?'}`,
            )
          },
          { what: 'a path over IPv6', timeoutMs: 20_000 },
        )
      },
    },
    roams('the client loses its IPv4 address', async ({ lab }) => {
      await lab.machines.client.ip(['address', 'del', `${CLIENT.second}/24`, 'dev', 'outside'])
    }),
    roams('the client has another IPv6 address', ({ lab }) =>
      replaceAddress(lab.machines.client, CLIENT.ipv6, CLIENT.ipv6Later),
    ),
    roams('the gateway has another IPv6 address', ({ lab }) =>
      replaceAddress(lab.machines['gateway-1'], GATEWAY.ipv6, GATEWAY.ipv6Later),
    ),
    {
      name: 'the client has another network beside, behind a router',
      run: async (world) => {
        const { run, switches, machines } = world.lab
        const to = { switches, bridge: 'outside', port: outsidePort('mobile') }
        await joinByRouter(run, machines.client, { place: MOBILE, role: 'router-mobile', to })
        await bothConnected(world)
        return `${MOBILE.inside}, seen as ${MOBILE.outside}`
      },
    },
    roams('the client’s cable is pulled', async ({ lab }) => {
      await lab.switches.ip(['link', 'set', outsidePort('client'), 'down'])
      // A network manager does so when the carrier is lost.
      await lab.machines.client.ip(['address', 'flush', 'dev', 'outside'])
    }),
    {
      name: `H7 the client has no network for ${AWAY_MS / 1_000} s, and the connection goes on`,
      run: async (world) => {
        const { client } = world.lab.machines
        const leftAt = Date.now()
        let returnedAt = 0
        const { gapMs, connections } = await watched().during(async () => {
          await client.ip(['link', 'set', MOBILE.device, 'down'])
          await new Promise((resolve) => setTimeout(resolve, AWAY_MS))
          returnedAt = Date.now()
          await client.ip(['link', 'set', MOBILE.device, 'up'])
          await client.route({ to: 'default', via: MOBILE.inside.replace(/\d+$/, '1') })
        })
        expectThat(connections === 1, `${connections - 1} times a new connection was made`)
        const handshakeMs = await handshakeSince(world, returnedAt)
        expectThat(handshakeMs < HANDSHAKE_MS, `the new handshake took ${handshakeMs} ms`)
        const resumedMs = Math.max(0, gapMs - (returnedAt - leftAt))
        expectThat(resumedMs < RESUMED_MS, `the connection went on ${resumedMs} ms after the network was back`)
        return `after the network was back: new handshake ${handshakeMs} ms, the connection goes on ${resumedMs} ms`
      },
    },
    {
      name: 'the client is connected to the portal from the other network',
      run: async (world) => {
        await bothConnected(world)
        await watch?.end()
        return MOBILE.outside
      },
    },
  ],
}
