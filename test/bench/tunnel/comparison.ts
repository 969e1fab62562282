import { GOALS, UNITS, type Figure, type Measure } from './measure.ts'

export type Name = 'portreeve' | 'reference'
export type Round = Partial<Record<Measure, Figure>>

/** Figures of one measure; null where there was nothing to compare with. */
export interface Row {
  portreeve: number | null
  reference: number | null
  ratio: number | null
}

const WIDTH = 15

/** Median of each side's rounds, and of the ratios within each round, whose sides had the same machine. */
export const compare = (
  measures: readonly Measure[],
  rounds: Readonly<Record<Name, readonly Round[]>>,
): Partial<Record<Measure, Row>> =>
  Object.fromEntries(
    measures.map((what) => {
      const values = (name: Name): (number | undefined)[] => rounds[name].map((round) => round[what]?.value)
      const [own, other] = [values('portreeve'), values('reference')]
      const ratios = own.map((value, round) => (value ?? NaN) / (other[round] ?? NaN))
      return [what, { portreeve: median(own), reference: median(other), ratio: median(ratios) }]
    }),
  )

/** The table for people, with goals and processor seconds per gigabyte. */
export const table = (
  comparison: Partial<Record<Measure, Row>>,
  rounds: Readonly<Record<Name, readonly Round[]>>,
): string => {
  const head = ['', 'portreeve', 'wireguard-go', 'ratio', 'goal', 's/GB', 'its s/GB']
  const lines = Object.entries(comparison).map(([name, row]) => {
    const what = name as Measure
    const cost = (of: Name): number | null => median(rounds[of].map((round) => round[what]?.secondsPerGigabyte))
    const cells = [row.portreeve, row.reference, row.ratio].map(show)
    return [what, ...cells, GOALS[what].text, show(cost('portreeve')), show(cost('reference')), UNITS[what]]
  })
  return [head, ...lines].map((cells) => cells.map((cell) => cell.padStart(WIDTH)).join('')).join('\n')
}

const median = (values: readonly (number | undefined)[]): number | null => {
  const sorted = values
    .filter((value) => value !== undefined)
    .filter(Number.isFinite)
    .toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  if (sorted.length === 0) return null
  const [low = 0, high = 0] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return Math.round(((low + high) / 2) * 1_000) / 1_000
}

const show = (value: number | null): string => (value === null ? '-' : value.toFixed(2))
