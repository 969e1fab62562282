// `npm run bench:withdrawal`: measures how long access lasts after the API has answered its removal. See HELP.
import { parseArgs } from 'node:util'
import { Lab } from '../../../hosts/lab/lab.ts'
import type { Measured } from '../child/withdrawal-probe.ts'
import { percentile } from '../figure.ts'
import { KINDS, type Kind, type Removal } from './kinds.ts'
import { StandingLab, TARGETS } from './standing-lab.ts'

const GOAL_MS = 250

const HELP = `npm run bench:withdrawal [-- --kinds KIND,… --runs N --json]

How long access lasts after the portal's API has answered that it is taken away: for each kind of removal, in one standing
lab (portal, two gateways, a client, a protected server; real kernel, real WireGuard), p50, p95 and p99 of the runs.
The goal is a p99 under ${GOAL_MS} ms.

In each run a program on the client's machine sends a packet every 2 ms to an echoing server behind the gateway, each
removal to a resource of its own, calls the API, and goes on sending. The figure is the time from the arrival of the
API's answer to the sending of the first packet after the last one that came back. It is negative where a packet was
refused that was sent before the answer had arrived: the gateway is told before the answer is written.
"step" is the distance between that packet and the one before it, which is what the figure is exact to. Where the client
is signed out with the removal (provider, actor, device, token) what ends first counts: the gateway's grant or the client.

  --kinds KIND,…  some kinds only, or several times
  --runs N        of each kind; 100 by default
  --json          {"runs","goal_ms","kinds":{KIND:{"runs","p50","p95","p99","min","max","step_p99","lost"}}} in ms
  --help

Kinds:
${Object.entries(KINDS)
  .map(([name, { what }]) => `  ${name.padEnd(16)}${what}`)
  .join('\n')}
`

const { values: options } = parseArgs({
  options: {
    kinds: { type: 'string' },
    runs: { type: 'string', default: '100' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const runs = Number(options.runs)
const wanted = options.kinds?.split(',') ?? Object.keys(KINDS)
const unknown = wanted.find((name) => !(name in KINDS))
if (options.help) {
  process.stdout.write(HELP)
  process.exit(0)
}
if (unknown !== undefined || !Number.isInteger(runs) || runs < 1) {
  process.stderr.write(`${unknown === undefined ? '--runs is a number above 0' : `no kind ${unknown}`}\n\n${HELP}`)
  process.exit(2)
}

const say = (text: string): void => void process.stderr.write(`${text}\n`)
const began = performance.now()
const secondsSince = (since: number): string => ((performance.now() - since) / 1_000).toFixed(1)

const figuresOf = (taken: readonly Measured[]) => {
  const ms = taken.map((each) => each.ms)
  const steps = taken.map(({ stepMs }) => stepMs)
  const rounded = (value: number) => Math.round(value * 100) / 100
  return {
    runs: taken.length,
    p50: rounded(percentile(ms, 0.5)),
    p95: rounded(percentile(ms, 0.95)),
    p99: rounded(percentile(ms, 0.99)),
    min: rounded(Math.min(...ms)),
    max: rounded(Math.max(...ms)),
    step_p99: rounded(percentile(steps, 0.99)),
    lost: taken.reduce((sum, { lost }) => sum + lost, 0),
  }
}

const takeAway = async (
  standing: StandingLab,
  { address, call, restore }: Removal,
  next: Removal | undefined,
): Promise<Measured> => {
  // The portal has made the authorization that the removal ends.
  await standing.reach(address)
  const following = next?.address === address ? undefined : next?.address
  const measured = await standing.measure({ address, call: await call(), next: following })
  if (restore !== undefined) {
    await standing.clientEnded()
    await standing.startClient(await restore())
  }
  return measured
}

const takeAll = async (standing: StandingLab, { prepare, tidy }: Kind, taken: Measured[]): Promise<void> => {
  while (taken.length < runs) {
    const removals = await prepare(standing, Math.min(runs - taken.length, TARGETS.length))
    for (const [index, removal] of removals.entries()) {
      taken.push(await takeAway(standing, removal, removals[index + 1]))
    }
    await tidy(standing)
  }
}

const kinds: Record<string, ReturnType<typeof figuresOf>> = {}
// The rate limit is raised: the objects of a hundred removals are made at once, from one address.
const lab = await Lab.open({ portal: { rate_limit: { burst: 2_000, per_second: 1_000 } } })
let standing: StandingLab | undefined
const close = async (): Promise<void> => {
  await standing?.stop()
  await lab.close()
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void close().finally(() => process.exit(130)))
}
try {
  standing = await StandingLab.open(lab)
  say(`the lab stands after ${secondsSince(began)} s`)
  for (const [name, kind] of Object.entries(KINDS).filter(([each]) => wanted.includes(each))) {
    const kindBegan = performance.now()
    const taken: Measured[] = []
    try {
      await takeAll(standing, kind, taken)
    } catch (error) {
      // Measurements so far are still worth printing, but a lab that lost its client measures no more.
      say(`${name}, after ${taken.length} runs: ${String(error)}`)
      process.exitCode = 1
    }
    if (taken.length > 0) kinds[name] = figuresOf(taken)
    say(`${name}: ${taken.length} runs in ${secondsSince(kindBegan)} s: ${JSON.stringify(kinds[name])}`)
    if (process.exitCode === 1) break
  }
} finally {
  await close()
}
if (options.json) process.stdout.write(`${JSON.stringify({ runs, goal_ms: GOAL_MS, kinds })}\n`)
else {
  const columns = ['runs', 'p50', 'p95', 'p99', 'min', 'max', 'step_p99', 'lost'] as const
  process.stdout.write(
    `${['ms', ...columns].map((name, at) => (at === 0 ? name.padEnd(16) : name.padStart(9))).join('')}\n`,
  )
  for (const [name, figures] of Object.entries(kinds)) {
    process.stdout.write(`${name.padEnd(16)}${columns.map((column) => String(figures[column]).padStart(9)).join('')}\n`)
  }
}
process.exit()
