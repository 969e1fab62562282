// Scenario of a client whose router drops all UDP: its datagrams go to a relay by a WebSocket over TLS, until UDP works.
import { join } from 'node:path'
import { ConnectionWatch } from './connection-watch.ts'
import { eventually } from './eventually.ts'
import { setUdpDrop } from './nat-router.ts'
import { portreeve } from './program.ts'
import type { Scenario } from './scenario.ts'
import { clientConnects, gatewayConnects, PORTAL_RUNS } from './setting-up.ts'
import type { Step } from './step.ts'
import { MACHINES, PORTAL_URL } from './topology.ts'
import { caFile, clientRouter, RELAY_URL, serveNames, webSocketSettings } from './websocket-relay.ts'
import { expectThat, type World } from './world.ts'

const HOST = 'gitlab.example.org'
const CLIENT = { inside: '192.168.7.20', outside: '203.0.113.77', translation: 'random' } as const
const ROUTER = '192.168.7.1'
/** The relay runs on the provider's machine, which has nothing else to do here. */
const RELAY = MACHINES.provider.outside
/** Longest time that the first page may take where UDP is silent. */
const FIRST_MS = 5_000
/** Longest time for which a change to UDP may stop a connection. */
const CHANGE_MS = 1_000
/** Longest time for which the end of UDP may stop a connection: only silence tells of it. */
const SILENCE_MS = 3_000

let watch: ConnectionWatch | undefined

const startRelay = async (world: World): Promise<void> => {
  const { lab } = world
  const { token } = await world.api.create('relay_tokens', { name: 'relay' })
  const config = await lab.run.write(
    'relay.yaml',
    JSON.stringify({
      portal_url: PORTAL_URL,
      name: 'relay',
      token_file: await lab.run.write('relay.token', String(token)),
      addresses: [RELAY],
      ...(await webSocketSettings(lab)),
      state_folder: join(lab.run.path, 'relay'),
    }),
  )
  await lab.start('provider', portreeve('relay', '--config', config))
  await eventually(
    async () => {
      const relays = await world.api.list('relays')
      return relays.length > 0 ? true : undefined
    },
    { what: 'a relay at the portal', timeoutMs: 20_000 },
  )
}

/** Waits until the path to the gateway is of a kind; returns the path. */
const pathIs = (world: World, fits: (kind: string) => boolean): Promise<string> =>
  eventually(
    async () => {
      const [gateway] = (await world.clientStatus()).gateways
      const { path, path_kind: kind, relay } = gateway ?? {}
      if (kind === undefined || kind === null || !fits(kind)) throw new Error(`it is ${kind ?? 'none'}`)
      return `${kind} ${path ?? ''}${relay === null || relay === undefined ? '' : ` by ${relay}`}`
    },
    { what: 'the path to the gateway', timeoutMs: 40_000 },
  )

/** Makes the step in which UDP begins or ceases to work, and the one connection goes on. */
const changes = (name: string, drops: boolean, fits: (kind: string) => boolean): Step<World> => ({
  name: `H9 ${name}`,
  run: async (world) => {
    if (watch === undefined) throw new Error('there is no connection')
    let path = ''
    const { gapMs, connections } = await watch.during(async () => {
      await setUdpDrop(clientRouter(world.lab), drops)
      path = await pathIs(world, fits)
    })
    expectThat(connections === 1, `${connections - 1} times a new connection was made`)
    expectThat(gapMs < (drops ? SILENCE_MS : CHANGE_MS), `it stopped for ${gapMs} ms`)
    return `it stopped for ${gapMs} ms; path ${path}`
  },
})

export const UDP_BLOCKED: Scenario = {
  needsProvider: false,
  routers: { client: CLIENT },
  steps: [
    ...PORTAL_RUNS,
    {
      name: 'a relay connects, which is reached by UDP and by a WebSocket on port 443, over TLS',
      run: async (world) => {
        await startRelay(world)
        return RELAY_URL
      },
    },
    gatewayConnects({ at: MACHINES['gateway-1'].outside, settings: ({ lab }) => caFile(lab) }),
    {
      name: 'the client’s router drops all UDP, and is its name server',
      run: async (world) => {
        await serveNames(world.lab, ROUTER)
        await setUdpDrop(clientRouter(world.lab), true)
        const { code } = await world.lab.machines.client.run('dig', ['+time=1', '+tries=1', `@${MACHINES.upstream.outside}`, HOST]) // prettier-ignore
        expectThat(code !== 0, 'UDP passes')
        return `at ${ROUTER}`
      },
    },
    clientConnects({ at: CLIENT.inside, settings: ({ lab }) => caFile(lab) }),
    {
      name: 'H9 a page comes by the relay’s WebSocket',
      run: async (world) => {
        const began = Date.now()
        const seen = await world.page(`http://${HOST}/`, { timeoutMs: 20_000 })
        const ms = Date.now() - began
        expectThat(seen.server === 'web', `it is the page of ${seen.server}`)
        const path = await pathIs(world, (kind) => kind === 'websocket')
        expectThat(ms < FIRST_MS, `it took ${ms} ms`)
        const [address = ''] = await world.resolve(HOST)
        watch = await ConnectionWatch.start(world.lab.machines.client, { address, host: HOST })
        return `${ms} ms with connection set-up; path ${path}`
      },
    },
    changes('UDP works again, and the connection changes to it', false, (kind) => kind !== 'websocket'),
    changes('UDP is blocked again, and the connection goes on by the WebSocket', true, (kind) => kind === 'websocket'),
  ],
}
