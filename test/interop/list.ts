import { setTimeout as pause } from 'node:timers/promises'
import { eventually } from '../../hosts/lab/eventually.ts'
import { gatewaysConnected } from '../../hosts/lab/setting-up.ts'
import type { Step } from '../../hosts/lab/step.ts'
import { ADMIN_PORT, GATEWAYS, MACHINES, PORTAL_PORT, WEB_PORT } from '../../hosts/lab/topology.ts'
import { expectThat, isMapped } from '../../hosts/lab/world.ts'
import { RESOURCES, type Pair } from './pair.ts'

/** Time for a change at the portal to take effect at both ends. */
const EFFECT_MS = 5_000
/** Time in which a client has to be at the other gateway after one was killed. */
const FAILOVER_MS = 7_000
/** Time for which a gateway has to keep its client after it has lost its portal, and only that. */
const KEPT_MS = 6_000

const { name, unknownName, address, inNetwork } = RESOURCES

/** Steps that each pair of client and gateway walks through. */
export const LIST: readonly Step<Pair>[] = [
  {
    name: 'portal, relay, two gateways and the client are connected',
    run: async (pair) => {
      await pair.startPortal()
      await pair.startRelay()
      await pair.startGateways()
      await pair.startClient()
      const [client, gateway] = [await pair.spoken('client'), await pair.spoken('gateway')]
      return `client ${client?.dialect ?? '?'}: ${client?.userAgent ?? '?'}; gateway ${gateway?.dialect ?? '?'}: ${gateway?.userAgent ?? '?'}`
    },
  },
  {
    name: 'a DNS name is reached through the tunnel',
    run: async (pair) => `${await reached(pair, name)} ms to the first page`,
  },
  {
    name: 'an address within a network is reached',
    run: async (pair) => `${await reached(pair, inNetwork)} ms`,
  },
  {
    name: 'a single address is reached',
    run: async (pair) => `${await reached(pair, address)} ms`,
  },
  {
    name: 'a port filter holds',
    run: async ({ world }) => {
      const other = await world.connect(name, ADMIN_PORT)
      expectThat(!isOpen(other), `port ${ADMIN_PORT} is open: ${JSON.stringify(other)}`)
      const right = await world.connect(name, WEB_PORT)
      expectThat(isOpen(right), `port ${WEB_PORT} is not: ${JSON.stringify(right)}`)
      return `port ${WEB_PORT} is open, port ${ADMIN_PORT} is not`
    },
  },
  {
    name: 'ping passes where the filter permits ICMP, and not where it does not',
    run: async ({ world }) => {
      const ping = async (to: string): Promise<boolean> => {
        const { code } = await world.lab.machines.client.run('ping', ['-c', '2', '-W', '2', to])
        return code === 0
      }
      expectThat(await ping(address), `${address} does not answer`)
      expectThat(!(await ping(name)), `${name} answers`)
      return `${address} answers, ${name} does not`
    },
  },
  {
    name: 'a name without a policy is nobody’s resource',
    run: async (pair) => {
      const addresses = await pair.world.resolve(unknownName)
      expectThat(String(addresses) === pair.upstream(unknownName), `it is ${addresses.join(' ') || 'unknown'}`)
      return `${unknownName} is ${addresses.join(' ')}, by the upstream server`
    },
  },
  {
    name: 'a condition that does not hold denies',
    run: async (pair) => {
      const { world } = pair
      await pair.allow('unknown name', [
        { condition: 'remote-ip', settings: { operator: 'in', ranges: ['198.51.100.0/24'] } },
      ])
      await world.resolvesTo(unknownName, isMapped)
      const page = await world.fetch(`http://${unknownName}/`, { timeoutMs: 3_000 })
      expectThat(!page.ok, 'the page came')
      await world.api.remove(`policies/${world.id('policy for unknown name')}`)
      return page.ok ? '' : page.reason
    },
  },
  {
    name: 'a withdrawn policy ends access, and the other resources stay',
    run: async (pair) => {
      const { world } = pair
      await reached(pair, address)
      const began = performance.now()
      await world.api.remove(`policies/${world.id('policy for address')}`)
      const ms = Math.round((await refusedAt(pair, `http://${address}/`)) - began)
      await reached(pair, name)
      await pair.allow('address')
      await reached(pair, address)
      return `the first refused page was asked for ${ms} ms after the request to the API`
    },
  },
  {
    name: 'a changed filter is in force',
    run: async ({ world }) => {
      const filters = (ports: readonly number[]) => [{ protocol: 'tcp', ports: ports.map(String) }]
      await world.api.patch(`resources/${world.id('name')}`, { filters: filters([WEB_PORT, ADMIN_PORT]) })
      await eventually(async () => (isOpen(await world.connect(name, ADMIN_PORT)) ? true : undefined), {
        what: `port ${ADMIN_PORT} is open`,
        timeoutMs: EFFECT_MS,
      })
      await world.api.patch(`resources/${world.id('name')}`, { filters: filters([WEB_PORT]) })
      await eventually(async () => (isOpen(await world.connect(name, ADMIN_PORT)) ? undefined : true), {
        what: `port ${ADMIN_PORT} is closed again`,
        timeoutMs: 2 * EFFECT_MS,
      })
      return `port ${ADMIN_PORT} was open, and is closed again`
    },
  },
  {
    name: 'a renamed resource is reached on',
    run: async (pair) => {
      const { world } = pair
      await world.api.patch(`resources/${world.id('name')}`, { name: 'GitLab, renamed' })
      return `${await reached(pair, name)} ms`
    },
  },
  {
    name: 'a gateway that has lost only its portal keeps its client',
    run: async (pair) => {
      const { world } = pair
      const serving = world.gatewayAt((await world.page(`http://${name}/`)).from)
      const machine = world.lab.machines[serving]
      const drop = `ip daddr ${MACHINES.portal.outside} tcp dport ${PORTAL_PORT} tcp flags syn drop`
      const table = `table ip cut { chain out { type filter hook output priority 0; ${drop}; }; }`
      await machine.mustRun('nft', ['-f', '-'], { input: table })
      // The portal's end of the connection is reset; only new connections are dropped.
      await machine.run('ss', ['-K', 'dst', MACHINES.portal.outside, 'dport', '=', `:${PORTAL_PORT}`])
      await eventually(
        async () => {
          const rows = await world.api.list('gateways')
          return rows.some((row) => row['name'] === serving && row['is_connected'] === false) ? true : undefined
        },
        { what: `the portal has lost ${serving}`, timeoutMs: 5_000 },
      )
      const until = performance.now() + KEPT_MS
      let pages = 0
      while (performance.now() < until) {
        const { from } = await world.page(`http://${name}/`, { timeoutMs: 2_000 })
        expectThat(world.gatewayAt(from) === serving, `after ${pages} pages the client was at ${world.gatewayAt(from)}`)
        pages++
        await pause(200)
      }
      await machine.mustRun('nft', ['delete', 'table', 'ip', 'cut'])
      await gatewaysConnected(world)
      return `${pages} pages by ${serving} in ${KEPT_MS} ms without its portal`
    },
  },
  {
    name: 'a client leaves a gateway that is killed',
    run: async (pair) => {
      const { world } = pair
      const reach = await world.reach(name)
      const before = await reach.next(({ from }) => from !== null, { timeoutMs: 10_000 })
      const killed = world.gatewayAt(before.from ?? '')
      const at = Date.now()
      await world.lab.killPart(killed)
      const after = await reach.next(({ from, beganAt }) => from !== null && beganAt > at && from !== before.from, {
        timeoutMs: 30_000,
      })
      await reach.end()
      const ms = after.beganAt - at
      await pair.startGateway(killed)
      await gatewaysConnected(world)
      expectThat(ms < FAILOVER_MS, `it took ${ms} ms`)
      return `${killed} by SIGKILL; the first page by ${GATEWAYS.find((each) => each !== killed) ?? ''} was asked for ${ms} ms later`
    },
  },
]

/** Requests a page of a host until it comes, and returns how long the last request took, in milliseconds. */
const reached = async ({ world }: Pair, host: string): Promise<number> => {
  const page = await eventually(() => world.page(`http://${host}/`, { timeoutMs: 5_000 }), {
    what: `a page of ${host}`,
    timeoutMs: 20_000,
  })
  return page.ms
}

/** Waits until a page does not come any more, and returns when that request began, by `performance.now()`. */
const refusedAt = ({ world }: Pair, url: string): Promise<number> =>
  eventually(
    async () => {
      const began = performance.now()
      return (await world.fetch(url, { timeoutMs: 1_000 })).ok ? undefined : began
    },
    { what: `${url} is refused`, timeoutMs: EFFECT_MS },
  )

const isOpen = (verdict: { outcome: string }): boolean => verdict.outcome === 'connected'
