import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ClientStatus } from '../../hosts/client/session/client-status.ts'
import { askClient } from '../../hosts/client/session/control-socket.ts'
import { eventually } from '../../hosts/lab/eventually.ts'
import { Lab } from '../../hosts/lab/lab.ts'
import { SETTING_UP } from '../../hosts/lab/setting-up.ts'
import { walk } from '../../hosts/lab/step.ts'
import { MACHINES, WEB_PORT } from '../../hosts/lab/topology.ts'
import { isMapped, World } from '../../hosts/lab/world.ts'
import { percentile, type Figure } from './figure.ts'

const SAMPLES = 40
const HOST = 'gitlab.example.org'
/** Steps of the lab that a measurement does not need. */
const NOT_NEEDED = /scan|direct access|without the nonce/

/**
 * Measures the time from the first packet to the first byte of a page, on the real kernel with all parts running:
 * authorization, candidates, checks, handshake, the name's addresses at the gateway, the server's own answer. Each
 * sample begins without a tunnel, as the grants of the one before were withdrawn.
 */
export const benchConnectionSetUp = async (): Promise<Figure[]> => {
  const lab = await Lab.open()
  const world = new World(lab)
  try {
    await setUp(world)
    const asker = new Asker(lab)
    try {
      const [address = ''] = await world.resolvesTo(HOST, isMapped)
      const dns = await samples(world, () => asker.firstByte({ address, host: HOST }))
      const cidr = await samples(world, () => asker.firstByte({ address: MACHINES.files.site, host: 'files' }))
      return [...figures('name', dns), ...figures('address', cidr)]
    } finally {
      asker.stop()
    }
  } finally {
    await lab.close()
  }
}

const setUp = async (world: World): Promise<void> => {
  const steps = SETTING_UP.filter(({ name }) => !NOT_NEEDED.test(name))
  const interrupted = world.lab.crashed
  const reports = await walk(steps, world, { interrupted, onReport: () => undefined })
  const failed = reports.find(({ ok }) => !ok)
  if (failed !== undefined) throw new Error(`${failed.name}: ${failed.detail}`)
}

const samples = async (world: World, take: () => Promise<number>): Promise<number[]> => {
  const taken: number[] = []
  for (let i = 0; i < SAMPLES; i++) {
    await withdrawAll(world)
    taken.push(await take())
  }
  return taken
}

/** Withdraws every grant and waits until the client has no tunnel. */
const withdrawAll = async (world: World): Promise<void> => {
  for (const { id } of await world.api.list('authorizations')) await world.api.remove(`authorizations/${id}`)
  await eventually(
    async () => {
      const { gateways } = (await askClient(world.lab.clientSocket, 'status')) as ClientStatus
      return gateways.length === 0 ? true : undefined
    },
    { what: 'the client has no tunnel', timeoutMs: 20_000 },
  )
}

const figures = (kind: string, taken: readonly number[]): Figure[] => [
  {
    name: `connection set-up, first packet to first byte, ${kind}, median of ${SAMPLES}`,
    value: percentile(taken, 0.5),
    unit: 'ms',
  },
  { name: `connection set-up, first packet to first byte, ${kind}, p95`, value: percentile(taken, 0.95), unit: 'ms' },
]

/** The program on the client's machine that requests pages. */
class Asker {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(lab: Lab) {
    const program = fileURLToPath(new URL('child/first-byte.js', import.meta.url))
    const child = spawn('ip', ['netns', 'exec', lab.machines.client.name, process.execPath, program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child = child
    const lines: Interface = createInterface({ input: child.stdout })
    this.#lines = lines[Symbol.asyncIterator]()
  }

  async firstByte({ address, host }: { address: string; host: string }): Promise<number> {
    this.#child.stdin?.write(`${JSON.stringify({ address, port: WEB_PORT, host })}\n`)
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error('the asking program ended')
    const outcome = JSON.parse(value) as { ms?: number; error?: string }
    if (outcome.ms === undefined) throw new Error(outcome.error)
    return outcome.ms
  }

  stop(): void {
    this.#child.stdin?.end()
  }
}
