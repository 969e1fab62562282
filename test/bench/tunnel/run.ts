// `npm run bench:tunnel`: compares Portreeve's real client and gateway with wireguard-go. See HELP in options.ts, and
// README.md.
import { Bed, type Side } from './bed.ts'
import { compare, table, type Name, type Round } from './comparison.ts'
import { UNITS, measure, warmUp } from './measure.ts'
import { HELP, readOptions, type Options } from './options.ts'
import { findReference } from './reference.ts'

const say = (text: string): void => void process.stderr.write(`${text}\n`)

const run = async ({ rounds, seconds, measures, mtu, json }: Options): Promise<void> => {
  const began = performance.now()
  const taken: Record<Name, Round[]> = { portreeve: [], reference: [] }
  const reference = await findReference()
  const bed = await Bed.open()
  let lane: string | null
  try {
    await bed.serve()
    const portreeve = await bed.startPortreeve()
    lane = portreeve.status.lane
    say(`portreeve: lane ${lane ?? 'unknown'} (${portreeve.status.lane_reason ?? ''})`)
    const sides: [Name, Side][] = [['portreeve', portreeve]]
    if ('missing' in reference) say(`compared with nothing: ${reference.missing}`)
    else {
      sides.push(['reference', await bed.startReference(reference, mtu)])
      say(`wireguard-go ${reference.version}, MTU ${mtu}`)
    }
    for (const [, side] of sides) await warmUp(bed, side)
    const plan = measures.flatMap((what) => sides.map(([name, side]) => ({ what, name, side })))
    for (let round = 1; round <= rounds; round++) {
      const figures: Record<Name, Round> = { portreeve: {}, reference: {} }
      for (const { what, name, side } of shuffled(plan)) {
        const figure = await measure(bed, side, what, seconds)
        figures[name][what] = figure
        const elapsed = ((performance.now() - began) / 1_000).toFixed(0)
        say(`${elapsed} s, round ${round} of ${rounds}: ${what} ${name} ${figure.value.toFixed(3)} ${UNITS[what]}`)
      }
      for (const [name] of sides) taken[name].push(figures[name])
    }
    say(`TcpInCsumErrors: ${await bed.checksumErrors()}`)
  } catch (error) {
    say(bed.lastWords())
    throw error
  } finally {
    await bed.close()
  }
  const comparison = compare(measures, taken)
  if (!json) process.stdout.write(`${table(comparison, taken)}\n`)
  process.stdout.write(`${JSON.stringify({ ...comparison, lane })}\n`)
}

const shuffled = <T>(items: readonly T[]): T[] =>
  items
    .map((item) => ({ item, key: Math.random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item)

const options = readOptions(process.argv.slice(2))
if (options === 'help') {
  process.stdout.write(HELP)
} else if ('problem' in options) {
  say(`${options.problem}\nnpm run bench:tunnel -- --help says what there is.`)
  process.exit(2)
} else {
  await run(options)
  process.exit(0)
}
