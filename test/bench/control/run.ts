// `npm run bench:control`: what a portal's control channel costs. See HELP in options.ts.
import { loadavg } from 'node:os'
import { percentile } from '../figure.ts'
import { ControlBed } from './bed.ts'
import { idleCosts } from './idle.ts'
import { HELP, readOptions, type Options } from './options.ts'

const say = (text: string): void => void process.stderr.write(`${text}\n`)
const load = (): string => loadavg()[0]?.toFixed(1) ?? '?'
const rounded = (_: string, value: unknown): unknown => (typeof value === 'number' ? Number(value.toFixed(3)) : value)

interface Level {
  join_ms: number
  authorization_ms: number
  write_ms: number
  return_s?: number
  kib_per_client?: number
  told_ms?: number
}

const spread = (ms: readonly number[]): string =>
  `p50 ${percentile(ms, 0.5).toFixed(1)}, p95 ${percentile(ms, 0.95).toFixed(1)}, p99 ${percentile(ms, 0.99).toFixed(1)} ms`

/** Compiles what is measured: code that runs for the first time costs several times as much. */
const warmUp = async (bed: ControlBed, clients: number): Promise<void> => {
  await bed.do({ task: 'grow', clients })
  await bed.do({ task: 'rejoin', times: 4 * clients, atOnce: 16 })
  await bed.do({ task: 'authorize', times: 4 * clients, atOnce: 16 })
  await bed.do({ task: 'write', times: 150, atOnce: 4 })
}

const measureLevel = async (bed: ControlBed, clients: number): Promise<Level> => {
  // No device connects or asks more often than the portal's limits let it.
  const most = (pieces: number): number => Math.min(pieces, 12 * clients)
  const grown = await bed.cost({ task: 'grow', clients }, { pieces: 1, idleRate: 0 })
  const first = grown.ms.length === 0 ? '' : `, a first join ${(grown.each / grown.ms.length).toFixed(2)} ms`
  const idleRate = await bed.idleRate(5)
  say(
    `${clients} clients: idle ${(idleRate / 10 / (clients / 1_000)).toFixed(2)} % of a core per 1,000${first}; load ${load()}`,
  )
  const rejoin = await bed.cost({ task: 'rejoin', times: most(500), atOnce: 16 }, { pieces: most(500), idleRate })
  say(`  join ${rejoin.each.toFixed(2)} ms`)
  const one = await bed.cost({ task: 'authorize', times: most(300), atOnce: 1 }, { pieces: most(300), idleRate })
  say(`  authorization, 1 at once: ${one.each.toFixed(2)} ms of processor; answered in ${spread(one.ms)}`)
  const many = await bed.cost({ task: 'authorize', times: most(1_280), atOnce: 64 }, { pieces: most(1_280), idleRate })
  say(`  authorization, 64 at once: ${many.each.toFixed(2)} ms of processor; answered in ${spread(many.ms)}`)
  const write = await bed.cost({ task: 'write', times: 150, atOnce: 4 }, { pieces: 450, idleRate })
  say(`  write ${write.each.toFixed(2)} ms of processor; three of them, four at once, in ${spread(write.ms)}`)
  return { join_ms: rejoin.each, authorization_ms: Math.max(one.each, many.each), write_ms: write.each }
}

const run = async ({ levels, idleSeconds, json }: Options): Promise<void> => {
  say(`load of the machine before: ${load()}`)
  const figures: Record<string, unknown> = {}
  const bed = await ControlBed.open()
  try {
    const least = levels[0] ?? 1
    await warmUp(bed, least)
    let firstKib = 0
    for (const clients of levels) {
      const level = await measureLevel(bed, clients)
      figures[clients] = level
      if (clients === least) firstKib = bed.residentKib
      if (clients !== levels.at(-1)) continue
      level.kib_per_client = clients === least ? Number.NaN : (bed.residentKib - firstKib) / (clients - least)
      level.told_ms = percentile((await bed.do({ task: 'tell' })).ms, 0.5)
      const back = await bed.killed()
      say(
        `  back after ${back.seconds.toFixed(1)} s, of which ${back.processorSeconds.toFixed(1)} s of the portal's processor; refused meanwhile: ${JSON.stringify(back.refused)}; load ${load()}`,
      )
      level.return_s = back.seconds
    }
  } finally {
    await bed.close()
  }
  figures['idle'] = await idle(idleSeconds)
  say(`load of the machine after: ${load()}`)
  if (!json) process.stdout.write(`${JSON.stringify(figures, rounded, 2)}\n`)
  process.stdout.write(`${JSON.stringify(figures, rounded)}\n`)
}

const idle = async (seconds: number): Promise<unknown> => {
  const none = { client_s: null, gateway_s: null, portal_s: null, portal_mib: null }
  try {
    if (seconds > 0) return await idleCosts(seconds)
    say('idle is null: --idle 0')
  } catch (error) {
    say(`idle is null: ${error instanceof Error ? error.message : String(error)}`)
  }
  return none
}

const options = readOptions(process.argv.slice(2))
if (options === 'help') {
  process.stdout.write(HELP)
} else if ('problem' in options) {
  say(`${options.problem}\nnpm run bench:control -- --help says what there is.`)
  process.exit(2)
} else {
  await run(options)
  process.exit(0)
}
