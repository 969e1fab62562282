import { parseArgs } from 'node:util'
import { GOALS, MEASURES, UNITS, type Measure } from './measure.ts'

export interface Options {
  rounds: number
  seconds: number
  measures: readonly Measure[]
  /** MTU of wireguard-go's device. */
  mtu: number
  json: boolean
}

const ROUNDS = 5
const SECONDS = 2
const MTU = 1_420
const OPTIONS = {
  rounds: { type: 'string', default: String(ROUNDS) },
  seconds: { type: 'string', default: String(SECONDS) },
  only: { type: 'string' },
  mtu: { type: 'string', default: String(MTU) },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

export const HELP = `npm run bench:tunnel [-- --rounds N --seconds N --only MEASURE,… --mtu N --json]

Portreeve's client and gateway, as they are shipped, beside wireguard-go 0.0.20231211 or newer: on two machines (network
namespaces) with a cable between them, with policy, filters and NAT, through a DNS resource and a CIDR resource. Each round
takes every measure of both, in a shuffled order. What is shown is the median of the rounds, and the median of the rounds'
ratios. It takes about three minutes, needs root, and wants a machine that does nothing else.

wireguard-go is Debian trixie's package, downloaded to a folder of its own. Where it cannot be had, that is said, and
Portreeve is compared with nothing.

  --rounds N        ${ROUNDS} by default
  --seconds N       of each measure in each round; ${SECONDS} by default
  --only MEASURE,…  some measures only
  --mtu N           of wireguard-go's device; ${MTU}, its own default, by default. Portreeve's is 1408
  --json            on standard output nothing but one line: {MEASURE: {"portreeve","reference","ratio"}, …, "lane"},
                    with null for what was not compared
  --help

Measures:
${MEASURES.map((name) => `  ${name.padEnd(9)}${GOALS[name].what} (${UNITS[name]}); goal of the ratio ${GOALS[name].text}`).join('\n')}

Progress is on standard error. The table also shows processor time per gigabyte of both ends together, which other load on the
machine disturbs least. README.md in this folder tells where the time goes.
`

/** Parses the arguments; returns the options, or the problem with the arguments. */
export const readOptions = (args: readonly string[]): Options | { problem: string } | 'help' => {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS })
    if (values.help) return 'help'
    const [rounds, seconds, mtu] = [Number(values.rounds), Number(values.seconds), Number(values.mtu)]
    const names = values.only?.split(',') ?? MEASURES
    const unknown = names.find((name) => !MEASURES.some((known) => known === name))
    if (unknown !== undefined) return { problem: `there is no measure ${unknown}: ${MEASURES.join(', ')}` }
    if (!isWhole(rounds, 1, 1_000)) return { problem: '--rounds is a whole number from 1 to 1000' }
    if (!isWhole(seconds, 1, 3_600)) return { problem: '--seconds is a whole number from 1 to 3600' }
    if (!isWhole(mtu, 1_280, 9_000)) return { problem: '--mtu is a whole number from 1280 to 9000' }
    return { rounds, seconds, mtu, json: values.json, measures: MEASURES.filter((name) => names.includes(name)) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

const isWhole = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most
