// `npm run fuzz [-- SECONDS [FIRST_SEED]]`: runs random worlds, one seed after the other, for so many seconds. Add a
// seed that deviates to seeds.json beside the source, where `npm test` replays it. Ctrl-C ends the run with its results
// so far.
import { setImmediate as turn } from 'node:timers/promises'
import { Deviation } from './deviation.ts'
import { Simulation } from './simulation.ts'

const [seconds = '300', first = String(Math.floor(Math.random() * 2 ** 31))] = process.argv.slice(2)
let end = performance.now() + Number(seconds) * 1_000
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (end = 0))
const failed: number[] = []
let seed = Number(first)
const met = new Map<string, number>()
while (performance.now() < end) {
  const simulation = new Simulation(seed)
  try {
    simulation.run()
  } catch (error) {
    failed.push(seed)
    process.stderr.write(
      `seed ${seed}: ${error instanceof Deviation ? error.message : String((error as Error).stack)}\n`,
    )
  }
  for (const [what, count] of simulation.met) met.set(what, (met.get(what) ?? 0) + count)
  seed += 1
  await turn()
}
const probes = [...met.values()].reduce((sum, count) => sum + count, 0)
process.stdout.write(
  `${seed - Number(first)} worlds from seed ${first}, ${probes} probes, ${failed.length} deviations: ${failed.join(' ')}\n`,
)
for (const [what, count] of [...met].toSorted(([a], [b]) => a.localeCompare(b)))
  process.stdout.write(`  ${count} ${what}\n`)
process.exitCode = failed.length === 0 ? 0 : 1
