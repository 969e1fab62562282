import { DAYS, type Settings } from './config.ts'

export const WEEK_MS = 7 * 24 * 60 * 60_000
const DAY_MINUTES = 24 * 60
const WEEK_MINUTES = 7 * DAY_MINUTES

/** Part of the week by the wall clock, in milliseconds since Monday 00:00; `to` is exclusive. */
interface Span {
  from: number
  to: number
}

/** Ranges of a week as sorted spans; ranges that overlap or touch are merged. */
export class Week {
  readonly #spans: readonly Span[]

  constructor(ranges: Settings['ranges']) {
    this.#spans = merged(ranges.flatMap(spansOf))
  }

  /** Whether a time of the week, in milliseconds since Monday 00:00, is in a span. */
  includes(time: number): boolean {
    return this.#spans.some(({ from, to }) => from <= time && time < to)
  }

  /** Returns the milliseconds from a time of the week until `includes` changes; undefined if it never does. */
  untilChange(time: number): number | undefined {
    const [first] = this.#spans
    if (first === undefined || (first.from === 0 && first.to === WEEK_MS)) return undefined
    const inside = this.#spans.find(({ from, to }) => from <= time && time < to)
    if (inside !== undefined) {
      const overnight = inside.to === WEEK_MS && first.from === 0
      return (overnight ? WEEK_MS + first.to : inside.to) - time
    }
    const next = this.#spans.find(({ from }) => from > time)
    return (next?.from ?? WEEK_MS + first.from) - time
  }
}

const spansOf = ({ days, from, to }: Settings['ranges'][number]): Span[] =>
  days.flatMap((day) => {
    const midnight = DAYS.indexOf(day) * DAY_MINUTES
    const start = midnight + minutes(from)
    const end = midnight + minutes(to) + (minutes(to) <= minutes(from) ? DAY_MINUTES : 0)
    if (end <= WEEK_MINUTES) return [span(start, end)]
    return [span(start, WEEK_MINUTES), span(0, end - WEEK_MINUTES)]
  })

const span = (from: number, to: number): Span => ({ from: from * 60_000, to: to * 60_000 })

const minutes = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))

const merged = (spans: Span[]): Span[] => {
  const result: Span[] = []
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    const last = result.at(-1)
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to)
    else result.push({ from, to })
  }
  return result
}
