import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import type { PluginEntry } from '../../core/config/parse-config.ts'
import type { InstalledPlugin } from '../../core/plugin/install-plugins.ts'
import type { LabHost } from './lab-plugins.ts'
import { portreeve } from './program.ts'
import { ACCOUNT, clientConnected, STARTING } from './setting-up.ts'
import { signIn } from './sign-in.ts'
import type { Step } from './step.ts'
import { WEB_PORT } from './topology.ts'
import { expectThat, isMapped, type World } from './world.ts'

const GITLAB = 'gitlab.example.org'
const PAGE_TIMEOUT_MS = 5_000

/** Steps of the scenario for plugins of others: what each host loads, a sign-in, a decision, and its consequence. */
export const TRYING_PLUGINS: readonly Step<World>[] = [
  {
    name: 'portal, client and gateway load their plugins',
    run: async (world) => {
      const { lab } = world
      const loaded = await Promise.all([
        loadedBy(world, 'portal', await lab.portalConfig()),
        loadedBy(world, 'client', await lab.clientConfig()),
        loadedBy(world, 'gateway', await lab.gatewayConfig('gateway-1')),
      ])
      return loaded.join('\n')
    },
  },
  ...STARTING,
  {
    name: 'Ada signs in, and her client connects',
    run: async (world) => {
      const { token, way } = await adasToken(world)
      await world.lab.startClient(token)
      const { account, actor, lane, transport, dns } = await clientConnected(world)
      return [
        `${actor ?? '?'} of ${account ?? '?'}, ${way}`,
        `packets by ${transport?.plugin ?? '?'}, in the ${lane ?? '?'} lane`,
        `names that are no resource's are asked of ${dns.upstreams.join(', ') || 'nobody'}`,
      ].join('\n')
    },
  },
  {
    name: 'the portal explains its decision about GitLab',
    run: async (world) => {
      const { text } = await explained(world)
      return text.join('\n')
    },
  },
  {
    name: 'the page of GitLab comes, or the client says why it does not',
    run: async (world) => {
      await world.resolvesTo(GITLAB, isMapped)
      const { is_allowed } = await explained(world)
      const answer = await world.fetch(`http://${GITLAB}/`, { timeoutMs: PAGE_TIMEOUT_MS })
      if (is_allowed) {
        expectThat(answer.ok, `access is granted, and there is no page: ${answer.ok ? '' : answer.reason}`)
        const seen = await world.page(`http://${GITLAB}/`)
        return `${seen.host} on ${seen.address}, ${seen.ms} ms; the server saw ${world.gatewayAt(seen.from)}`
      }
      expectThat(!answer.ok, 'access is denied, and the page came all the same')
      const { resources } = await world.clientStatus()
      return resources.find(({ address }) => address === GITLAB)?.why.join('\n') ?? 'denied'
    },
  },
]

/** Asks `portreeve plugin check` what a host loads of others' plugins. Fails with its words if the host would not start. */
const loadedBy = async ({ lab }: World, host: LabHost, file: string): Promise<string> => {
  const machine = host === 'gateway' ? 'gateway-1' : host
  const args = portreeve('plugin', 'check', '--host', host, '--config', file, '--json')
  const { code, stdout, stderr } = await lab.machines[machine].run(process.execPath, args)
  expectThat(code === 0, `the ${host} would not start:\n${stderr.trim()}`)
  const listed = (parse(await readFile(file, 'utf8')) as { plugins: PluginEntry[] }).plugins
  const { plugins } = JSON.parse(stdout) as { plugins: InstalledPlugin[] }
  const brought = plugins.filter((_, at) => listed[at]?.use.startsWith('builtin:') === false)
  const provided = brought.flatMap(({ name, version, provides }) =>
    provides.map(({ point, key }) => `${key} of ${point} by ${name} ${version}`),
  )
  return `${host}: ${provided.join(', ') || 'nothing but what comes with Portreeve'}`
}

/** Signs Ada in with the provider of the file, or that of the organisation; without either a token is made for her. */
const adasToken = async (world: World): Promise<{ token: string; way: string }> => {
  const { lab } = world
  const brought = lab.brought?.account.identity_provider
  if (brought === undefined && !lab.hasProvider) {
    const { token } = await world.api.create(`actors/${world.id('ada')}/client_tokens`, { name: 'adas-laptop' })
    return {
      token: String(token),
      way: 'by a token of the API: facts of a sign-in are unknown (for one, npm install oidc-provider@9 smtp-server@3)',
    }
  }
  const answers = brought?.answers ?? { login: 'ada', password: 'anything' }
  const { nonce, fragment, hops } = await signIn(world, { path: ACCOUNT, answers })
  return { token: `${nonce}${fragment}`, way: `signed in by ${hops.length} requests:\n${hops.join('\n')}` }
}

/** Asks the portal whether Ada, at her connected client, may see the page, and why. */
export const explained = async (world: World): Promise<{ is_allowed: boolean; text: string[] }> => {
  const client = (await world.api.list('clients')).find(({ name }) => name === 'adas-laptop')
  const { is_allowed, text } = await world.api.create('policies/explain', {
    actor: world.id('ada'),
    resource: world.id('gitlab'),
    protocol: 'tcp',
    port: WEB_PORT,
    client_id: client?.id,
  })
  return { is_allowed: is_allowed === true, text: text as string[] }
}
