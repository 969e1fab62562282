import { problemText, type PortalStatus } from '../../core/control/portal-problem.ts'
import type { TransportStatus } from '../../core/ice/transport-news.ts'
import type { DropCounts } from '../../core/flow/lane.ts'
import { visibleLine, visibleText } from '../runtime/visible-text.ts'

/** Standard output is what was asked for; everything else goes to standard error. Names of elsewhere cannot command a terminal. */
export interface Output {
  /** One line, or several, for people or scripts. */
  print: (text: string) => void
  /** One JSON document on one line. */
  json: (value: unknown) => void
  /** What a person has to know. */
  tell: (text: string) => void
}

export const terminal: Output = {
  print: (text) => void process.stdout.write(`${visibleText(text)}\n`),
  json: (value) => void process.stdout.write(`${visibleText(JSON.stringify(value))}\n`),
  tell: (text) => void process.stderr.write(`${visibleText(text)}\n`),
}

/** A reader that has seen enough, `portreeve … | head`, is no error: what is written then goes nowhere, and the command ends as it would. */
export const endQuietly = (...streams: readonly NodeJS.WritableStream[]): void => {
  for (const stream of streams) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
}

/** What was dropped and why, after an empty line; nothing where nothing was. */
export const droppedTable = (dropped: DropCounts): string[] => {
  const rows = Object.entries(dropped).flatMap(([part, counts]) =>
    Object.entries(counts).map(([reason, count]) => [part, reason, String(count)]),
  )
  return rows.length === 0 ? [] : ['', table([['DROPPED BY', 'BECAUSE', 'PACKETS'], ...rows])]
}

/** Where a peer's portal is, and why it is not reached: rows of a table. */
export const portalRows = ({ url, problem }: PortalStatus): string[][] => [
  ['portal', url],
  ...(problem === null ? [] : [['problem', problemText(problem)]]),
]

/** A transport plugin, and why it carries nothing: rows of a table. */
export const transportRows = ({ plugin, problem }: TransportStatus): string[][] => [
  ['transport', plugin],
  ...(problem === null ? [] : [['problem', `${problem.said} (${problem.code}). ${problem.remedy}`]]),
]

/** Columns, each as wide as its widest cell. */
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
