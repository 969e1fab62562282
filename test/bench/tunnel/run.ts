// `npm run bench:tunnel [-- --json --rounds N --seconds N --only NAME,…]`: Portreeve's real client and gateway and wireguard-go side by side.
// Each round takes every measure of both in a shuffled order; what is shown is the median, and the median of the rounds' ratios.
import { parseArgs } from 'node:util'
import { Bed, type Side } from './bed.ts'
import { MEASURES, UNITS, measure, type Measure } from './measure.ts'
import { findReference } from './reference.ts'

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string' },
    /** Of wireguard-go's device; its default is 1420. Portreeve's is 1280. */
    mtu: { type: 'string', default: '1420' },
  },
})
const wanted = MEASURES.filter((name) => options.only === undefined || options.only.split(',').includes(name))
const say = (text: string): void => void process.stderr.write(`${text}\n`)

type Name = 'portreeve' | 'reference'
const found: Record<Name, Record<Measure, number>[]> = { portreeve: [], reference: [] }

const reference = await findReference()
const bed = await Bed.open()
let lane = 'unknown'
try {
  await bed.serve()
  const portreeve = await bed.startPortreeve()
  lane = portreeve.status.lane ?? lane
  say(`portreeve: lane ${lane} (${portreeve.status.lane_reason ?? ''})`)
  const sides: [Name, Side][] = [['portreeve', portreeve]]
  if ('missing' in reference) say(`compared with nothing: ${reference.missing}`)
  else {
    sides.push(['reference', await bed.startReference(reference, Number(options.mtu))])
    say(`wireguard-go ${reference.version}, MTU ${options.mtu}`)
  }
  for (let round = 0; round < Number(options.rounds); round++) {
    const figures = { portreeve: {}, reference: {} } as Record<Name, Record<Measure, number>>
    const plan = wanted.flatMap((what) => sides.map(([name, side]) => ({ what, name, side })))
    for (const { what, name, side } of shuffled(plan)) {
      figures[name][what] = await measure(bed, side, what, Number(options.seconds))
      say(`round ${round + 1}: ${what} ${name} ${figures[name][what].toFixed(3)} ${UNITS[what]}`)
    }
    for (const [name] of sides) found[name].push(figures[name])
  }
  const { stdout } = await bed.gateway.run('nstat', ['-az', 'TcpInCsumErrors'])
  const { stdout: atClient } = await bed.client.run('nstat', ['-az', 'TcpInCsumErrors'])
  const errors = [stdout, atClient].map((text) => Number(/TcpInCsumErrors\s+(\d+)/.exec(text)?.[1] ?? 0))
  say(`TcpInCsumErrors: ${errors.join(' and ')}`)
} catch (error) {
  say(bed.lastWords())
  throw error
} finally {
  await bed.close()
}

const result = Object.fromEntries(
  wanted.map((what) => [
    what,
    {
      portreeve: median(found.portreeve.map((figures) => figures[what])),
      reference: median(found.reference.map((figures) => figures[what])),
      ratio: median(found.reference.map((figures, round) => (found.portreeve[round]?.[what] ?? 0) / figures[what])),
    },
  ]),
)
if (!options.json) {
  process.stdout.write(`${['', 'portreeve', 'wireguard-go', 'ratio'].map((text) => text.padStart(14)).join('')}\n`)
  for (const [what, { portreeve, reference: other, ratio }] of Object.entries(result)) {
    const cells = [what, show(portreeve), show(other), show(ratio)].map((text) => text.padStart(14))
    process.stdout.write(`${cells.join('')}  ${UNITS[what as Measure]}\n`)
  }
}
process.stdout.write(`${JSON.stringify({ ...result, lane })}\n`)
process.exit(0)

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, key: Math.random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item)
}

function median(values: readonly number[]): number | null {
  const sorted = values.filter((value) => Number.isFinite(value)).toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  if (sorted.length === 0) return null
  const [low = 0, high = 0] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return Math.round(((low + high) / 2) * 1_000) / 1_000
}

function show(value: number | null): string {
  return value === null ? '-' : value.toFixed(2)
}
