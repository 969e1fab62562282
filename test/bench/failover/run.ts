// `npm run bench:failover`: how long new connections get no answer when a gateway is lost.
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import type { StreamFigures } from '../child/connection-stream.ts'
import { percentile } from '../figure.ts'
import { Bed } from './bed.ts'
import { CHANGES, type Change } from './changes.ts'

const HELP = `npm run bench:failover [-- --runs N --only CHANGE,… --json]

How long new connections get no answer when the gateway that serves them is lost, on machines of their own (network
namespaces): a portal, two gateways of one site, a server behind both, and a client that asks the server for a page every 20 ms,
each time over a new TCP connection. It needs root, and wants a machine that does nothing else.

  --runs N          of each change; 10 by default
  --only CHANGE,…   some changes only
  --json            on standard output nothing but one line
  --help

Changes, and keys of the last line, each {"p50","p95","max","lost","slowest"}: milliseconds between two answers, at most, in a run;
requests that got an error or no answer within 10 s, of all runs; the longest time that an answered request took.
${Object.entries(CHANGES)
  .map(([name, { what, goal }]) => `  ${name.padEnd(8)}${what} (goal ${goal})`)
  .join('\n')}
`

const say = (text: string): void => void process.stderr.write(`${text}\n`)
const load = (): string => loadavg()[0]?.toFixed(1) ?? '?'

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const runs = Number(options.runs)
const wanted = options.only?.split(',') ?? Object.keys(CHANGES)
const unknown = wanted.find((name) => !(name in CHANGES))
if (options.help) {
  process.stdout.write(HELP)
  process.exit(0)
}
if (unknown !== undefined || !Number.isInteger(runs) || runs < 1) {
  say(`${unknown === undefined ? '--runs is a number above 0' : `no change ${unknown}`}\n\n${HELP}`)
  process.exit(2)
}

const takeAll = async (bed: Bed, name: string, { make, restore }: Change): Promise<StreamFigures[]> => {
  const taken: StreamFigures[] = []
  for (let run = 1; run <= runs; run++) {
    let used: Parameters<Change['make']>[1] | undefined
    const figures = await bed.measure((gateway) => make(bed, (used = gateway)))
    taken.push(figures)
    say(`${name} ${run} of ${runs}: ${JSON.stringify(figures, rounded)}, load ${load()}`)
    if (used !== undefined) await restore(bed, used)
  }
  return taken
}

const figuresOf = (taken: readonly StreamFigures[]) => {
  const gaps = taken.map(({ gapMs }) => gapMs)
  return {
    p50: percentile(gaps, 0.5),
    p95: percentile(gaps, 0.95),
    max: Math.max(...gaps),
    lost: taken.reduce((sum, { lost }) => sum + lost, 0),
    slowest: Math.max(...taken.map(({ slowestMs }) => slowestMs)),
  }
}

const rounded = (_: string, value: unknown): unknown => (typeof value === 'number' ? Math.round(value) : value)

const figures: Record<string, ReturnType<typeof figuresOf> | null> = {}
say(`load of the machine before: ${load()}`)
const bed = await Bed.open()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void bed.close().finally(() => process.exit(130)))
}
try {
  for (const [name, change] of Object.entries(CHANGES)) {
    figures[name] = wanted.includes(name) ? figuresOf(await takeAll(bed, name, change)) : null
  }
} catch (error) {
  // The changes measured before are still worth printing.
  say(String(error))
  process.exitCode = 1
} finally {
  await bed.close()
}
say(`load of the machine after: ${load()}`)
if (!options.json) process.stdout.write(`${JSON.stringify(figures, rounded, 2)}\n`)
process.stdout.write(`${JSON.stringify(figures, rounded)}\n`)
process.exit()
