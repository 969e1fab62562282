import { randomBytes } from 'node:crypto'
import type { ClientStatus } from '../client/session/client-status.ts'
import { eventually } from './eventually.ts'
import { labProgram } from './program.ts'
import type { DirectAccess } from './program/direct-access-watch.ts'
import type { ScanResult } from './program/scan.ts'
import { registerCallback } from './register-callback.ts'
import { signIn } from './sign-in.ts'
import type { Step } from './step.ts'
import { GATEWAYS, MACHINES, PORTAL_URL, PROVIDER_URL, SITE_NAMES, WEB_PORT, type GatewayName } from './topology.ts'
import { expectThat, type World } from './world.ts'

/** Slug of the lab's account. */
export const ACCOUNT = 'example'
const SCAN = { firstPort: 1, lastPort: 65_535, udpPorts: [52_625, 51_820, 3478] }

/** First steps of every scenario: everything runs but gateways and client. */
export const PORTAL_RUNS: readonly Step<World>[] = [
  {
    name: 'name servers, identity provider and protected servers run',
    run: async ({ lab }) => {
      await lab.startServices()
      return `${SITE_NAMES['gitlab.example.org']} has two web names; only the gateways are on its network`
    },
  },
  {
    name: 'a portal runs, with an account, a site, resources and a person',
    run: async (world) => {
      const { lab } = world
      const { token } = await lab.initPortal(ACCOUNT, 'admin@example.org')
      await lab.startPortal()
      world.useApiToken(token)
      await describeAccount(world)
      return `account ${ACCOUNT} at ${PORTAL_URL}`
    },
  },
]

/** Steps from nothing to connected gateways. */
export const STARTING: readonly Step<World>[] = [
  ...PORTAL_RUNS,
  {
    name: 'two gateways of one site connect to the portal',
    run: async (world) => {
      for (const name of GATEWAYS) {
        const { token } = await world.api.create(`sites/${world.id('site')}/gateway_tokens`, { name })
        await world.lab.startGateway(name, String(token))
      }
      await gatewaysConnected(world)
      return GATEWAYS.join(', ')
    },
  },
]

/** Returns more settings of a host's configuration. */
type MoreSettings = (world: World) => object | Promise<object>

/** Step in which the first gateway connects, at an address of its machine; `advertised` is for its configuration. */
export const gatewayConnects = ({
  at,
  advertised = [],
  settings = () => ({}),
}: {
  at: string
  advertised?: readonly string[]
  settings?: MoreSettings
}): Step<World> => ({
  name: `a gateway at ${at} connects to the portal`,
  run: async (world) => {
    const { token } = await world.api.create(`sites/${world.id('site')}/gateway_tokens`, { name: 'gateway-1' })
    await world.lab.startGateway('gateway-1', String(token), {
      advertised_addresses: advertised,
      ...(await settings(world)),
    })
    await gatewaysConnected(world, ['gateway-1'])
    return advertised.length === 0 ? 'nobody has told it its address outside' : `it advertises ${advertised.join()}`
  },
})

/** Step in which a service account's client connects, at an address of its machine. */
export const clientConnects = ({
  at,
  settings = () => ({}),
}: {
  at: string
  settings?: MoreSettings
}): Step<World> => ({
  name: `a client at ${at} connects to the portal`,
  run: async (world) => {
    await world.make('build', 'actors', { name: 'Build', type: 'service_account' })
    const actor_ids = [world.id('build')]
    await world.api.put(`groups/${world.id('engineers')}/memberships`, { actor_ids })
    const { token } = await world.api.create(`actors/${world.id('build')}/client_tokens`, { name: 'laptop' })
    await world.lab.startClient(String(token), await settings(world))
    const { actor, lane } = await clientConnected(world)
    return `as the service account ${actor ?? '?'}, lane ${lane ?? '?'}`
  },
})

/** Steps of the story from nothing to a connected client. */
export const SETTING_UP: readonly Step<World>[] = [
  ...STARTING,
  {
    name: 'P9 a scan of the gateway from the client’s machine finds nothing',
    run: async ({ lab }) => {
      const input = JSON.stringify({ address: MACHINES['gateway-1'].outside, ...SCAN })
      const args = labProgram('scan')
      const { stdout } = await lab.machines.client.mustRun(process.execPath, args, { input, timeoutMs: 120_000 })
      const { tcpPorts, tcpOpen, udpProbes, udpAnswers } = JSON.parse(stdout) as ScanResult
      expectThat(tcpOpen.length === 0, `open TCP ports: ${tcpOpen.join(' ')}`)
      expectThat(udpAnswers.length === 0, `it answered strangers: ${udpAnswers.join(', ')}`)
      return `${tcpPorts} TCP ports closed, ${udpProbes} UDP probes (STUN, WireGuard, noise) without an answer`
    },
  },
  {
    name: 'direct access from the client’s machine is impossible',
    run: async (world) => {
      const { lab } = world
      const targets = [{ address: MACHINES.web.site, port: WEB_PORT }]
      const input = JSON.stringify({ targets, everyMs: 200, timeoutMs: 1_000 })
      world.watch = lab.machines.client.spawn(process.execPath, labProgram('direct-access-watch'), {
        name: 'watch',
        input,
      })
      await world.watch.line((line) => line === 'watching')
      const direct = await world.fetch(`http://${MACHINES.web.site}/`, { timeoutMs: 2_000 })
      expectThat(!direct.ok, 'the page came without the product')
      return `${MACHINES.web.site}, with a route by the gateway: ${direct.ok ? '' : direct.reason}; tried until the end of the story`
    },
  },
  {
    name: 'sign-in at the provider, over HTTP with real redirects',
    run: async (world) => {
      const signedIn = await signIn(world, { path: ACCOUNT, answers: { login: 'ada', password: 'anything' } })
      const { hops, actorName } = signedIn
      expectThat(
        hops.some((hop) => hop.includes(PROVIDER_URL)),
        'it never was at the provider',
      )
      world.signedIn = signedIn
      return `${actorName} after ${hops.length} requests:\n${hops.join('\n')}`
    },
  },
  {
    name: 'S4 sign-in by a code from a mail, typed as it stands there',
    run: async (world) => {
      await world.make('e-mail', 'identity_providers', { name: 'E-mail', type: 'email-otp' })
      // Ada signs in at the provider by default; an admin must allow her to sign in by mail as well.
      await world.make('ada by e-mail', 'identities', {
        actor_id: world.id('ada'),
        identity_provider_id: world.id('e-mail'),
        issuer: 'email',
        subject: 'ada@example.org',
      })
      const { nonce, fragment, hops, actorName } = await signIn(world, {
        path: `${ACCOUNT}/sign_in/email-otp/${world.id('e-mail')}`,
        answers: { email: 'ada@example.org' },
        mailbox: `${PROVIDER_URL}/mailbox/ada@example.org`,
      })
      const answer = await connectWith(world, `${nonce}${fragment}`)
      expectThat(answer.startsWith('101'), `its token: ${answer}`)
      return `${actorName} after ${hops.length} requests; the portal takes her token`
    },
  },
  {
    name: 'S5 the token without the nonce is refused',
    run: async (world) => {
      const { nonce, fragment } = signedIn(world)
      const without = await connectWith(world, fragment)
      const wrong = await connectWith(world, `${randomBytes(32).toString('hex')}${fragment}`)
      const right = await connectWith(world, `${nonce}${fragment}`)
      expectThat(without.startsWith('401'), `without the nonce: ${without}`)
      expectThat(wrong.startsWith('401'), `with another nonce: ${wrong}`)
      expectThat(right.startsWith('101'), `with the nonce: ${right}`)
      return `without: ${without}; another nonce: ${wrong}; whole: ${right}`
    },
  },
  {
    name: 'the client connects',
    run: async (world) => {
      const { nonce, fragment } = signedIn(world)
      await world.lab.startClient(`${nonce}${fragment}`)
      const status = await clientConnected(world)
      return `account ${status.account ?? '?'}, actor ${status.actor ?? '?'}, lane ${status.lane}, ${status.resources.length} resources`
    },
  },
  {
    name: 'P9 D16 a neighbour that sends them the tunnel’s addresses hears nothing of client and gateway',
    run: async ({ lab }) => {
      const { provider: neighbour } = lab.machines
      let scanned = 0
      for (const [machine, device] of [
        ['client', 'tun-portreeve'],
        ['gateway-1', 'tun-gateway'],
      ] as const) {
        const shown = await lab.machines[machine].ip(['-j', '-4', 'address', 'show', 'dev', device])
        const [link] = JSON.parse(shown) as { addr_info: { local: string }[] }[]
        const address = link?.addr_info[0]?.local ?? ''
        await neighbour.route({ to: `${address}/32`, via: MACHINES[machine].outside })
        const input = JSON.stringify({ address, firstPort: 53_500, lastPort: 53_600, udpPorts: [53, 53_535] })
        const { stdout } = await neighbour.mustRun(process.execPath, labProgram('scan'), { input, timeoutMs: 60_000 })
        const { tcpOpen, udpAnswers } = JSON.parse(stdout) as ScanResult
        expectThat(tcpOpen.length === 0, `open TCP ports of ${machine}: ${tcpOpen.join(' ')}`)
        expectThat(udpAnswers.length === 0, `${machine} answered: ${udpAnswers.join(', ')}`)
        const ping = await neighbour.run('ping', ['-c', '1', '-W', '1', address])
        expectThat(ping.code !== 0, `${machine} answered a ping at ${address}`)
        scanned++
      }
      return `${scanned} machines, by the very addresses that they have in the tunnel`
    },
  },
]

/** Ends the watch for direct access and returns its result. */
export const directAccess = async (watch: World['watch']): Promise<DirectAccess> => {
  if (watch === undefined) throw new Error('nobody watched')
  await watch.stop()
  return JSON.parse(await watch.line((line) => line.startsWith('{'))) as DirectAccess
}

/** Waits until the client's status is `connected`. */
export const clientConnected = (world: World): Promise<ClientStatus> =>
  eventually(
    async () => {
      const status = await world.clientStatus()
      return status.state === 'connected' ? status : undefined
    },
    { what: 'the client is connected', timeoutMs: 20_000 },
  )

/** Waits until gateways, by default both, are connected to the portal. */
export const gatewaysConnected = (world: World, names: readonly GatewayName[] = GATEWAYS): Promise<true> =>
  eventually(
    async () => {
      const gateways = await world.api.list('gateways')
      return names.every((name) => gateways.some((row) => row['name'] === name && row['is_connected'] === true))
        ? true
        : undefined
    },
    { what: `connected gateways: ${names.join(', ')}`, timeoutMs: 20_000 },
  )

const describeAccount = async (world: World): Promise<void> => {
  const account = world.lab.brought?.account
  if (world.lab.hasProvider) await describeProvider(world, account?.identity_provider === undefined)
  if (account?.identity_provider !== undefined) {
    const { type, settings } = account.identity_provider
    const email_domains = ['example.org']
    const provider = { name: 'Brought', type, settings, email_domains, is_default: true }
    await world.make('brought provider', 'identity_providers', provider)
  }
  if (account?.upstream_resolvers !== undefined) {
    await world.api.patch('account', { upstream_resolvers: account.upstream_resolvers })
  }
  const { selector, selector_settings } = account ?? {}
  await world.make('site', 'sites', { name: 'berlin', ...(selector !== undefined && { selector, selector_settings }) })
  const site_id = world.id('site')
  const web = { type: 'dns', site_id, filters: [{ protocol: 'tcp', ports: [String(WEB_PORT)] }] }
  await world.make('gitlab', 'resources', { ...web, name: 'GitLab', address: 'gitlab.example.org' })
  await world.make('jenkins', 'resources', { ...web, name: 'Jenkins', address: 'jenkins.example.org' })
  await world.make('files', 'resources', {
    type: 'cidr',
    site_id,
    name: 'Files',
    address: `${MACHINES.files.site}/32`,
    filters: [],
  })
  await world.make('ada', 'actors', { name: 'Ada', type: 'user', email: 'ada@example.org' })
  await world.make('engineers', 'groups', { name: 'Engineers' })
  await world.api.put(`groups/${world.id('engineers')}/memberships`, { actor_ids: [world.id('ada')] })
  for (const resource of ['gitlab', 'files']) await allow(world, resource)
}

/** Registers the portal at the organisation's identity provider, and the provider at the portal. */
const describeProvider = async (world: World, is_default: boolean): Promise<void> => {
  const { id, secret } = world.lab.oidcClient
  await world.make('provider', 'identity_providers', {
    name: 'Example login',
    type: 'oidc',
    settings: { issuer: PROVIDER_URL, client_id: id, client_secret: secret, allow_http: true },
    is_default,
  })
  const provider = await world.api.get(`identity_providers/${world.id('provider')}`)
  await registerCallback(world.lab.machines.portal, PROVIDER_URL, (provider as { callback_url: string }).callback_url)
}

/** Creates a policy that gives the engineers access to a resource. */
export const allow = (world: World, resource: string): Promise<void> =>
  world.make(`policy for ${resource}`, 'policies', {
    group_id: world.id('engineers'),
    resource_id: world.id(resource),
    conditions: world.lab.brought?.account.conditions ?? [],
  })

const signedIn = ({ signedIn: halves }: World): { nonce: string; fragment: string } => {
  if (halves === undefined) throw new Error('nobody signed in')
  return halves
}

/** Opens the control channel with a token and returns the status of the answer with the portal's code. */
const connectWith = async (world: World, token: string): Promise<string> => {
  const query = new URLSearchParams({
    external_id: randomBytes(32).toString('hex'),
    name: 'scanner',
    public_key: randomBytes(32).toString('base64'),
  })
  const answer = await world.fetch(`${PORTAL_URL}/client/v2/websocket?${query.toString()}`, {
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      'x-authorization': `Bearer ${token}`,
      'user-agent': 'Linux/6.1 headless-client/1.5.11',
    },
    timeoutMs: 2_000,
  })
  // An accepted connection stays open until curl's timeout (28).
  if (!answer.ok) return answer.code === 28 ? '101 Switching Protocols' : answer.reason
  const code = /"code":\s*"([a-z_]+)"/.exec(answer.body)?.[1]
  return `${answer.status} ${code ?? ''}`.trim()
}
