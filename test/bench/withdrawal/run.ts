// `npm run bench:withdrawal -- [--json] [--runs 100] [KIND …]`: how long access lasts after the API has answered that it is taken away,
// for each kind of removal, in one standing lab.
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Lab } from '../../../hosts/lab/lab.ts'
import { walk } from '../../../hosts/lab/step.ts'
import { clientConnected, SETTING_UP } from '../../../hosts/lab/story/setting-up.ts'
import { World } from '../../../hosts/lab/story/world.ts'
import { MACHINES, PORTAL_URL, WEB_PORT } from '../../../hosts/lab/topology.ts'
import type { WithdrawalRun } from '../child/withdrawal.ts'
import { percentile, type Figure } from '../figure.ts'

/** What only a test of the story needs. */
const NOT_NEEDED = /scan|direct access|without the nonce/
const TARGET = { address: MACHINES.files.site, port: WEB_PORT }

interface Removal {
  /** What takes access away. */
  remove: () => Promise<Pick<WithdrawalRun, 'method' | 'body'> & { path: string }>
  /** What gives it back. */
  restore: () => Promise<unknown>
  /** The client is signed out with it. */
  endsClient?: true
}

const removals = (world: World): Record<string, Removal> => {
  const { api } = world
  const policy = () => `policies/${world.id('policy for files')}`
  const group = world.id('engineers')
  const memberships = `groups/${group}/memberships`
  const allowFiles = () =>
    world.make('policy for files', 'policies', { group_id: group, resource_id: world.id('files'), conditions: [] })
  const change = (path: string, body: object) => api.patch(path, body)
  const clientId = async () => (await api.list('clients'))[0]?.id ?? ''
  let latest: string | undefined
  const tokenId = async () => latest ?? (await api.list('tokens')).find(({ kind }) => kind === 'client')?.id ?? ''
  const freshToken = async () => {
    const { id, token } = await api.create(`actors/${world.id('ada')}/client_tokens`, { name: 'bench' })
    latest = id
    await world.lab.startClient(String(token))
  }
  const disabled = { is_disabled: true }
  const enabled = { is_disabled: false }
  return {
    membership: {
      remove: async () => Promise.resolve({ method: 'PUT', path: memberships, body: { actor_ids: [] } }),
      restore: () => api.put(memberships, { actor_ids: [world.id('ada')] }),
    },
    policy: {
      remove: async () => Promise.resolve({ method: 'DELETE', path: policy() }),
      restore: allowFiles,
    },
    'policy, disabled': {
      remove: async () => Promise.resolve({ method: 'PATCH', path: policy(), body: disabled }),
      restore: () => change(policy(), enabled),
    },
    condition: {
      remove: async () => {
        const conditions = [{ condition: 'remote-ip', settings: { ranges: ['198.51.100.0/24'] } }]
        return Promise.resolve({ method: 'PATCH', path: policy(), body: { conditions } })
      },
      restore: () => change(policy(), { conditions: [] }),
    },
    resource: {
      remove: async () => Promise.resolve({ method: 'DELETE', path: `resources/${world.id('files')}` }),
      restore: async () => {
        const site_id = world.id('site')
        const files = { type: 'cidr', site_id, name: 'Files', address: `${TARGET.address}/32`, filters: [] }
        await world.make('files', 'resources', files)
        await allowFiles()
      },
    },
    // Before the kinds that give the client a token of no provider.
    provider: {
      remove: async () =>
        Promise.resolve({ method: 'PATCH', path: `identity_providers/${world.id('provider')}`, body: disabled }),
      restore: async () => {
        await change(`identity_providers/${world.id('provider')}`, enabled)
        const { nonce = '', fragment = '' } = world.signedIn ?? {}
        await world.lab.startClient(`${nonce}${fragment}`)
      },
      endsClient: true,
    },
    actor: {
      remove: async () => Promise.resolve({ method: 'PATCH', path: `actors/${world.id('ada')}`, body: disabled }),
      restore: async () => {
        await change(`actors/${world.id('ada')}`, enabled)
        await freshToken()
      },
      endsClient: true,
    },
    device: {
      remove: async () => ({ method: 'DELETE', path: `clients/${await clientId()}` }),
      restore: freshToken,
      endsClient: true,
    },
    token: {
      remove: async () => ({ method: 'DELETE', path: `tokens/${await tokenId()}` }),
      restore: freshToken,
      endsClient: true,
    },
  }
}

const measure = async (world: World, watch: Watch, { remove, restore, endsClient }: Removal): Promise<number> => {
  const { method, path, body } = await remove()
  const ended = endsClient === true ? world.lab.endPart('client', { ask: false }) : undefined
  const request = { target: TARGET, method, url: `${PORTAL_URL}/api/v1/${path}`, token: world.apiToken }
  const ms = await watch.run({ ...request, ...(body === undefined ? {} : { body }) })
  await ended
  await restore()
  if (endsClient === true) await clientConnected(world)
  return ms
}

/** The program on the client's machine that connects over and over, and makes the request. */
class Watch {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(lab: Lab) {
    const program = fileURLToPath(new URL('../child/withdrawal.js', import.meta.url))
    const args = ['netns', 'exec', lab.machines.client.name, process.execPath, program]
    const child = spawn('ip', args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child = child
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  async run(wish: WithdrawalRun): Promise<number> {
    this.#child.stdin?.write(`${JSON.stringify(wish)}\n`)
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error('the watching program ended')
    const { ms, error } = JSON.parse(value) as { ms?: number; error?: string }
    if (ms === undefined) throw new Error(error)
    return ms
  }

  stop(): void {
    this.#child.stdin?.end()
  }
}

const figures = (kind: string, taken: readonly number[]): Figure[] =>
  [0.5, 0.95, 0.99].map((share) => ({
    name: `${kind}: from the API’s answer to the first refused packet, p${share * 100} of ${taken.length}`,
    value: percentile(taken, share),
    unit: 'ms',
  }))

const lab = await Lab.open()
const all: Figure[] = []
try {
  const world = new World(lab)
  const steps = SETTING_UP.filter(({ name }) => !NOT_NEEDED.test(name))
  const reports = await walk(steps, world, { interrupted: lab.crashed, onReport: () => undefined })
  const failed = reports.find(({ ok }) => !ok)
  if (failed !== undefined) throw new Error(`${failed.name}: ${failed.detail}`)
  const args = process.argv.slice(2)
  const at = args.indexOf('--runs')
  const runs = at < 0 ? 100 : Number(args[at + 1])
  const wanted = args.filter((arg, index) => !arg.startsWith('--') && (at < 0 || index !== at + 1))
  const watch = new Watch(lab)
  for (const [kind, removal] of Object.entries(removals(world))) {
    if (wanted.length > 0 && !wanted.includes(kind)) continue
    process.stderr.write(`${kind} …\n`)
    const taken: number[] = []
    try {
      for (let run = 0; run < runs; run++) taken.push(await measure(world, watch, removal))
    } catch (error) {
      // What was measured so far is still worth printing, but a lab that lost its client measures no more.
      process.stderr.write(`${kind}, after ${taken.length} runs: ${String(error)}\n${lab.lastWords('client')}\n`)
      process.exitCode = 1
    }
    if (taken.length > 0) all.push(...figures(kind, taken))
    if (process.exitCode === 1) break
  }
  watch.stop()
} finally {
  await lab.close()
}
if (!process.argv.includes('--json')) {
  for (const { name, value, unit } of all) process.stdout.write(`${value.toFixed(1).padStart(9)} ${unit}  ${name}\n`)
}
process.stdout.write(`${JSON.stringify({ figures: all })}\n`)
process.exit()
