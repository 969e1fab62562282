// `npm run bench:reach`: how long people wait until a gateway is reached. See HELP in options.ts.
import { loadavg } from 'node:os'
import { firstByte, lan, relayKilled, relayRatio, roam, WAY_NAMES, webSocketRatio, type Spread } from './measures.ts'
import { HELP, readOptions, type Measure, type Options } from './options.ts'

const say = (text: string): void => void process.stderr.write(`${text}\n`)

/** Carries out a measurement; one that fails is null, and said. */
const measured = async <T>(what: string, measure: () => Promise<T>): Promise<T | null> => {
  try {
    return await measure()
  } catch (error) {
    say(`${what} is null: ${error instanceof Error ? error.message : String(error)}`)
    return null
  }
}

const notYet = (what: string, why: string): null => {
  say(`${what} is null: ${why}`)
  return null
}

const run = async ({ samples, measures, json }: Options): Promise<void> => {
  const isWanted = (name: Measure): boolean => measures.includes(name)
  const ifWanted = async <T>(name: Measure, measure: () => Promise<T>): Promise<T | null> =>
    isWanted(name) ? measured(name, measure) : notYet(name, 'it was not asked for')
  say(`load of the machine before: ${loadavg()[0]?.toFixed(1) ?? '?'}`)
  const lan_ms = await ifWanted('lan_ms', () => lan(samples, say))
  const first_byte_ms: Record<string, Spread | null> = {}
  for (const way of WAY_NAMES) {
    first_byte_ms[way] = isWanted('first_byte_ms')
      ? await measured(`first_byte_ms.${way}`, () => firstByte(way, samples, say))
      : notYet(`first_byte_ms.${way}`, 'it was not asked for')
  }
  const relay_ratio = await ifWanted('relay_ratio', () => relayRatio(say))
  const websocket_ratio = await ifWanted('websocket_ratio', () => webSocketRatio(Math.min(samples, 3), say))
  const roam_ms = await ifWanted('roam_ms', () => roam(samples, say))
  const relay_killed_ms = await ifWanted('relay_killed_ms', () => relayKilled(Math.min(samples, 3), say))
  say(`load of the machine after: ${loadavg()[0]?.toFixed(1) ?? '?'}`)
  const figures = { lan_ms, first_byte_ms, relay_ratio, websocket_ratio, roam_ms, relay_killed_ms }
  if (!json) process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`)
  process.stdout.write(`${JSON.stringify(figures, rounded)}\n`)
}

const rounded = (_: string, value: unknown): unknown => (typeof value === 'number' ? Number(value.toFixed(2)) : value)

const options = readOptions(process.argv.slice(2))
if (options === 'help') {
  process.stdout.write(HELP)
} else if ('problem' in options) {
  say(`${options.problem}\nnpm run bench:reach -- --help says what there is.`)
  process.exit(2)
} else {
  await run(options)
  process.exit(0)
}
