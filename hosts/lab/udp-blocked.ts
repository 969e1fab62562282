// Scenario of a client whose router drops all UDP: its datagrams go to a relay by a WebSocket over TLS, until UDP works.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConnectionWatch } from './connection-watch.ts'
import { eventually } from './eventually.ts'
import { setUdpDrop } from './nat-router.ts'
import type { Namespace } from './namespace.ts'
import { portreeve } from './program.ts'
import type { Scenario } from './scenario.ts'
import { clientConnects, gatewayConnects, PORTAL_RUNS } from './setting-up.ts'
import type { Step } from './step.ts'
import { MACHINES, PORTAL_URL } from './topology.ts'
import { expectThat, type World } from './world.ts'

const HOST = 'gitlab.example.org'
const CLIENT = { inside: '192.168.7.20', outside: '203.0.113.77', translation: 'random' } as const
const ROUTER = '192.168.7.1'
/** The relay runs on the provider's machine, which has nothing else to do here. */
const RELAY = MACHINES.provider.outside
const RELAY_URL = `wss://services.example.org/relay/connect`
/** Longest time that the first page may take where UDP is silent. */
const FIRST_MS = 5_000
/** Longest time for which a change may stop a connection. */
const CHANGE_MS = 1_000

let watch: ConnectionWatch | undefined

/** Makes a certificate for the relay, which peers trust by `ca_file`. */
const makeCertificate = async ({ lab }: World): Promise<{ certificate: string; key: string }> => {
  const files = { certificate: join(lab.run.path, 'relay.pem'), key: join(lab.run.path, 'relay-key.pem') }
  const subject = ['-subj', '/CN=services.example.org', '-addext', 'subjectAltName=DNS:services.example.org']
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const out = ['-keyout', files.key, '-out', files.certificate]
  await lab.machines.provider.mustRun('openssl', ['req', '-x509', ...made, ...subject, ...out])
  return files
}

const startRelay = async (world: World): Promise<void> => {
  const { lab } = world
  const { certificate, key } = await makeCertificate(world)
  const { token } = await world.api.create('relay_tokens', { name: 'relay' })
  const config = await lab.run.write(
    'relay.yaml',
    JSON.stringify({
      portal_url: PORTAL_URL,
      name: 'relay',
      token_file: await lab.run.write('relay.token', String(token)),
      addresses: [RELAY],
      websocket_url: RELAY_URL,
      websocket: { host: RELAY, port: 443, certificate_file: certificate, key_file: key },
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

/** Returns the router of the client. */
const routerOf = ({ lab }: World): Namespace => {
  const router = lab.routers.client
  if (router === undefined) throw new Error('the client has no router')
  return router
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
      await setUdpDrop(routerOf(world), drops)
      path = await pathIs(world, fits)
    })
    expectThat(connections === 1, `${connections - 1} times a new connection was made`)
    expectThat(drops || gapMs < CHANGE_MS, `it stopped for ${gapMs} ms`)
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
    gatewayConnects({ at: MACHINES['gateway-1'].outside, settings: caFile }),
    {
      name: 'the client’s router drops all UDP, and is its name server',
      run: async (world) => {
        const router = routerOf(world)
        const args = ['--no-daemon', '--conf-file=/dev/null', '--pid-file=', '--user=root', '--no-hosts', '--no-resolv']
        const names = router.spawn('dnsmasq', [...args, `--server=${MACHINES.upstream.outside}`], { name: 'names' })
        await names.line((line) => line.includes('started'))
        await world.lab.machines.client.resolvConf(`nameserver ${ROUTER}\n`)
        await setUdpDrop(router, true)
        const { code } = await world.lab.machines.client.run('dig', ['+time=1', '+tries=1', `@${MACHINES.upstream.outside}`, HOST]) // prettier-ignore
        expectThat(code !== 0, 'UDP passes')
        return `at ${ROUTER}`
      },
    },
    clientConnects({ at: CLIENT.inside, settings: caFile }),
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

/** Returns the setting by which peers trust the relay's certificate. */
async function caFile({ lab }: World): Promise<object> {
  const file = join(lab.run.path, 'relay.pem')
  await readFile(file)
  return { ca_file: file }
}
