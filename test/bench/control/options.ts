import { parseArgs } from 'node:util'

export interface Options {
  /** Numbers of clients at which the portal is measured, the largest last. */
  levels: readonly number[]
  /** Seconds for which idle processes are watched; 0 leaves that out. */
  idleSeconds: number
  json: boolean
}

const LEVELS = [100, 1_000, 10_000]
const MOST = 20_000
const OPTIONS = {
  clients: { type: 'string', default: '10000' },
  idle: { type: 'string', default: '30' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

export const HELP = `npm run bench:control [-- --clients N --idle SECONDS --json]

What a portal's control channel costs. A portal runs as a process of its own with its default configuration on SQLite, and a load
generator as another: ten gateways that acknowledge what they are asked, and clients with 100 resources each, of 1,000 actors in
100 groups. Everything is on the loopback address. Processor time is that of the portal's process with all its threads; that of
the clients' heartbeats, measured before, is taken off. test/bench/control/README.md says more.

  --clients N     the most clients; it measures at 100, 1,000 and 10,000 as far as that is below N, and at N
  --idle SECONDS  for which idle processes are watched, in a lab of network namespaces (root); 30 by default, 0 for none
  --json          on standard output nothing but one line
  --help

Keys of the last line, with null for what was not measured, for a reason on standard error:
  N          join_ms           processor time of one client that connects again and joins (goal 1.0)
             authorization_ms  processor time of one request for access, until client and gateway know of it and it is
                               written down: the greater of one and of 64 at once (goal 1.0)
             write_ms          processor time of one write by the REST API (goal 1.0)
  the last N return_s          from the SIGKILL of the portal to the last client that has joined its successor (goal 20)
             kib_per_client    resident memory (goal 32)
             told_ms           from a write that concerns a tenth of the clients to the last of them that is told
  idle       client_s, gateway_s, portal_s   processor time of an idle one (goals for 30 s: 0.07, 0.06, 0.04)
             portal_mib        resident memory of that portal (goal 80)
`

/** Parses the arguments; returns the options, or the problem with the arguments. */
export const readOptions = (args: readonly string[]): Options | { problem: string } | 'help' => {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS })
    if (values.help) return 'help'
    const [most, idleSeconds] = [Number(values.clients), Number(values.idle)]
    if (!Number.isInteger(most) || most < 1 || most > MOST)
      return { problem: `--clients is a whole number from 1 to ${MOST}` }
    if (!Number.isInteger(idleSeconds) || idleSeconds < 0 || idleSeconds > 600)
      return { problem: '--idle is a whole number of seconds from 0 to 600' }
    return { levels: [...LEVELS.filter((level) => level < most), most], idleSeconds, json: values.json }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}
