import { problemText, type PortalStatus } from '../../core/control/portal-problem.ts'
import type { TransportStatus } from '../../core/ice/transport-news.ts'
import { hostProblemText, type HostProblem } from '../../core/runtime/host-problems.ts'
import type { DropCounts } from '../../core/flow/lane.ts'
import type { MetricSeries } from '../../core/plugin/plugin-metrics.ts'
import type { ReachStatus } from '../peer/reach-status.ts'
import { dropHint, type DropHint } from './drop-hints.ts'
import { visibleLine, visibleText } from '../runtime/visible-text.ts'

/**
 * Output of a command: its result on standard output, all else on standard error. Terminal control characters are
 * escaped.
 */
export interface Output {
  /** Writes lines of the result. */
  print: (text: string) => void
  /** Writes the result as one JSON document on one line. */
  json: (value: unknown) => void
  /** Writes a message for people to standard error. */
  tell: (text: string) => void
}

/** Writes to standard output, whatever `process.stdout.write` is replaced by. */
const writeResult = process.stdout.write.bind(process.stdout)

export const terminal: Output = {
  print: (text) => void writeResult(`${visibleText(text)}\n`),
  json: (value) => void writeResult(`${visibleText(JSON.stringify(value))}\n`),
  tell: (text) => void process.stderr.write(`${visibleText(text)}\n`),
}

/**
 * Reserves standard output for the command's result: what plugins write to it, by `console.log` too, goes to standard
 * error.
 */
export const reserveStandardOutput = (): void => {
  process.stdout.write = process.stderr.write.bind(process.stderr)
}

/**
 * Ignores EPIPE on streams, as from `portreeve … | head`: further output is discarded, and the command ends normally.
 */
export const endQuietly = (...streams: readonly NodeJS.WritableStream[]): void => {
  for (const stream of streams) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
}

/**
 * Returns an empty line and a table of drops by part and reason, with whether each reason matters; those that do come
 * first. Nothing if there are none.
 */
export const droppedTable = (dropped: DropCounts): string[] => {
  const rows = Object.entries(dropped)
    .flatMap(([part, counts]) => Object.entries(counts).map(([reason, count]) => ({ part, reason, count })))
    .map((drop) => ({ ...drop, hint: dropHint(drop.reason) }))
    .toSorted((a, b) => weightOf(a.hint) - weightOf(b.hint))
    .map(({ part, reason, count, hint }) => [
      part,
      reason,
      String(count),
      hint === undefined ? '-' : MATTERS[hint.matters],
      hint?.said ?? '',
    ])
  return rows.length === 0 ? [] : ['', table([['DROPPED BY', 'BECAUSE', 'COUNT', 'MATTERS', 'MEANS'], ...rows])]
}

const MATTERS = { yes: 'yes', many: 'if it grows', no: 'no' } as const

const WEIGHTS = ['yes', 'many', 'no'] as const

/** Returns the place of a hint, what matters most first; what is unknown comes before what never matters. */
const weightOf = (hint: DropHint | undefined): number => (hint === undefined ? 1.5 : WEIGHTS.indexOf(hint.matters))

/** Returns an empty line and a table of the plugins' metrics; nothing if there are none. */
export const metricsTable = (metrics: readonly MetricSeries[]): string[] => {
  const rows = metrics.map(({ name, labels, value }) => {
    const pairs = Object.entries(labels).map(([label, of]) => `${label}=${of}`)
    return [name, pairs.join(' '), String(value)]
  })
  return rows.length === 0 ? [] : ['', table([['METRIC', 'LABELS', 'VALUE'], ...rows])]
}

/** Returns table rows with a peer's portal and, if it is not reached, the reason. */
export const portalRows = ({ url, problem }: PortalStatus): string[][] => [
  ['portal', url],
  ...(problem === null ? [] : [['problem', problemText(problem)]]),
]

/** Returns table rows with the tunnel transport plugin and, if it fails, its problem. */
export const transportRows = ({ plugin, problem }: TransportStatus): string[][] => [
  ['transport', plugin],
  ...(problem === null ? [] : [['problem', `${problem.said} (${problem.code}). ${problem.remedy}`]]),
]

/** Returns an empty line and the problems of a peer's machine, one a line; nothing if there are none. */
export const problemLines = (problems: readonly HostProblem[]): string[] =>
  problems.length === 0
    ? []
    : ['', 'Problems of this machine:', ...problems.map((each) => `  ${visibleLine(hostProblemText(each))}`)]

/** Returns table rows with the endpoints at which a peer can be reached, STUN servers that do not answer, and relays. */
export const reachRows = ({ udp, offers, stun, relays }: ReachStatus): string[][] => [
  ['reached at', offers.map(({ endpoint, source }) => `${endpoint} (${SOURCES[source]})`).join(', ') || '-'],
  ...(udp === 'blocked'
    ? [['UDP', `blocked by this network${relays.length === 0 ? '' : ': relays are reached by WebSockets'}`]]
    : []),
  ...stun.flatMap(({ server, is_answering }) =>
    is_answering === false ? [['STUN', `${server} does not answer: is UDP to it let through?`]] : [],
  ),
  ...relays.map(({ relay, state, refusal }) => ['relay', `${relay} ${relayText(state, refusal)}`]),
]

const SOURCES = {
  interface: 'its own',
  advertised: 'advertised_addresses',
  stun: 'seen by STUN',
  bridge: 'a bridge of containers',
  relay: 'by a relay',
} as const

/** Says what a relay does for a peer. */
export const relayText = (state: ReachStatus['relays'][number]['state'], refusal: number | null): string => {
  if (state === 'refused') return `refuses${refusal === null ? '' : ` with ${refusal}`}`
  return { allocated: 'relays', silent: 'does not answer', asking: 'is asked', idle: 'is not asked' }[state]
}

/** Formats rows as aligned columns. */
export const table = (given: readonly (readonly string[])[]): string => {
  const rows = given.map((row) => row.map(visibleLine))
  const widths = rows.reduce<number[]>(
    (known, row) => row.map((cell, index) => Math.max(cell.length, known[index] ?? 0)),
    [],
  )
  return rows
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
