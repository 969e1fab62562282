import { parseArgs } from 'node:util'

/** Figures of the bench, by their keys in its last line. */
export const MEASURES = [
  'lan_ms',
  'first_byte_ms',
  'relay_ratio',
  'websocket_ratio',
  'roam_ms',
  'relay_killed_ms',
] as const
export type Measure = (typeof MEASURES)[number]

export interface Options {
  samples: number
  measures: readonly Measure[]
  json: boolean
}

const SAMPLES = 9
const OPTIONS = {
  samples: { type: 'string', default: String(SAMPLES) },
  only: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

export const HELP = `npm run bench:reach [-- --samples N --only MEASURE,… --json]

How long people wait until a gateway is reached, on machines of their own (network namespaces): portal, client, gateway, a
server behind it that returns datagrams, and routers and relays where a measure needs them. It needs root, and wants a machine
that does nothing else.

Where a hop takes 10 ms, it takes them there and back, as ping says: 5 ms from any machine outside to any other. The kernels of
many machines have no netem, so a program on each cable holds packets back (hosts/lab/slow-cable.ts).

  --samples N       of each measure; ${SAMPLES} by default
  --only MEASURE,…  some measures only
  --json            on standard output nothing but one line
  --help

Measures, and keys of the last line, with null for what was not measured, for a reason on standard error:
  lan_ms           medians without delay, from a first datagram to the first byte of its answer: \`first\`, with client and
                   gateway just started and idle; \`further\`, to a further resource of the gateway (goals 12 and 4)
  first_byte_ms    the same where a hop takes 10 ms, after all grants were withdrawn: \`direct\`; \`punched\`, with both ends behind
                   NATs; \`relayed\`; \`websocket\` (goals of the medians 50, 150, 200, 300)
  relay_ratio      bytes that the relay carries in a second of its processor time, divided by coturn's with the same client:
                   the least of four ways, all of which are on standard error (goal 1.5 and more)
  websocket_ratio  throughput of TCP by WebSocket, with UDP dropped, divided by the direct path's (goal 0.5 and more)
  roam_ms          longest silence when the client's address changes while datagrams go on (goal under 1000)
  relay_killed_ms  longest silence when the relay in use is killed, with a second one there (goal under 2000)
`

/** Parses the arguments; returns the options, or the problem with the arguments. */
export const readOptions = (args: readonly string[]): Options | { problem: string } | 'help' => {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS })
    if (values.help) return 'help'
    const samples = Number(values.samples)
    if (!Number.isInteger(samples) || samples < 1 || samples > 1_000) {
      return { problem: '--samples is a whole number from 1 to 1000' }
    }
    const names = values.only?.split(',') ?? MEASURES
    const unknown = names.find((name) => !MEASURES.some((known) => known === name))
    if (unknown !== undefined) return { problem: `there is no measure ${unknown}: ${MEASURES.join(', ')}` }
    return { samples, json: values.json, measures: MEASURES.filter((name) => names.includes(name)) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}
