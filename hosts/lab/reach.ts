// Scenarios of gateways and clients behind routers that translate addresses.
import { eventually } from './eventually.ts'
import type { BehindRouter } from './nat-router.ts'
import { labProgram } from './program.ts'
import type { ScanResult } from './program/scan.ts'
import type { Scenario } from './scenario.ts'
import { clientConnects, gatewayConnects, PORTAL_RUNS } from './setting-up.ts'
import type { Step } from './step.ts'
import { expectThat, type World } from './world.ts'

const PAGE = 'http://gitlab.example.org/'
/** Port of tunnels, and the ports around it, where a scan looks for one that answers. */
const TUNNEL_PORT = 52_625
const SCAN = { firstPort: 52_000, lastPort: 53_000 }

const AT_HOME = { inside: '192.168.7.20', outside: '203.0.113.77' } as const
const AT_SITE = { inside: '10.0.0.5', outside: '203.0.113.7' } as const

interface Places {
  gateway: BehindRouter
  client: BehindRouter
  /** Address and port at which the gateway is to be reached; undefined: by the portal's relay alone. */
  reachedAt?: string
  /** Addresses that the gateway's configuration advertises. */
  advertised?: readonly string[]
}

/** Steps from nothing to a page through the tunnel, with one gateway, and client and gateway behind their routers. */
const steps = ({ gateway, client, reachedAt, advertised = [] }: Places): Step<World>[] => [
  ...PORTAL_RUNS,
  gatewayConnects({ at: gateway.inside, advertised }),
  clientConnects({ at: client.inside }),
  {
    name: `H6 H11 a page comes through the tunnel, to the gateway ${reachedAt === undefined ? 'by way of a relay' : `at ${reachedAt}`}`,
    run: async (world) => {
      const seen = await world.page(PAGE)
      expectThat(seen.server === 'web', `it is the page of ${seen.server}`)
      const one = async () => (await world.clientStatus()).gateways.find(({ path }) => path !== null)
      const used = await eventually(one, { what: 'a path in the client’s status', timeoutMs: 5_000 })
      if (reachedAt === undefined) expectThat(used.path_kind === 'relayed', `the path is ${String(used.path_kind)}`)
      else expectThat(used.path === reachedAt, `the path is ${String(used.path)}`)
      const by = used.relay === null ? '' : ` by ${used.relay}`
      return `${seen.ms} ms with connection set-up${by}; the client is at ${client.inside}, behind ${client.outside}`
    },
  },
  {
    name: `P9 a scan of ${gateway.outside} finds nothing`,
    run: async ({ lab }) => {
      const udpPorts = [TUNNEL_PORT, Number(reachedAt?.split(':')[1] ?? TUNNEL_PORT), 3478]
      const input = JSON.stringify({ address: gateway.outside, ...SCAN, udpPorts })
      const { stdout } = await lab.machines.provider.mustRun(process.execPath, labProgram('scan'), {
        input,
        timeoutMs: 60_000,
      })
      const { tcpOpen, udpProbes, udpAnswers } = JSON.parse(stdout) as ScanResult
      expectThat(tcpOpen.length === 0, `open TCP ports: ${tcpOpen.join(' ')}`)
      expectThat(udpAnswers.length === 0, `it answered strangers: ${udpAnswers.join(', ')}`)
      return `${udpProbes} UDP probes (STUN, WireGuard, noise) without an answer`
    },
  },
]

const scenario = (places: Places): Scenario => ({
  steps: steps(places),
  needsProvider: false,
  routers: { 'gateway-1': places.gateway, client: places.client },
})

/** Scenarios by name. */
export const REACH: Readonly<Record<string, Scenario>> = {
  'cloud-nat': scenario({
    gateway: { ...AT_SITE, translation: 'one-to-one' },
    client: { ...AT_HOME, translation: 'random' },
    reachedAt: `${AT_SITE.outside}:${TUNNEL_PORT}`,
  }),
  'port-forward': scenario({
    gateway: { ...AT_SITE, translation: 'random', forward: { from: 40_000, to: TUNNEL_PORT } },
    client: { ...AT_HOME, translation: 'random' },
    reachedAt: `${AT_SITE.outside}:40000`,
    advertised: [`${AT_SITE.outside}:40000`],
  }),
  'double-nat': scenario({
    gateway: { ...AT_SITE, translation: 'random' },
    client: { ...AT_HOME, translation: 'random' },
  }),
}
