/** One measured number. No test judges it: a benchmark prints numbers, and people compare ratios within one run. */
export interface Figure {
  /** Name of the number: `policy evaluations, 1,000 policies`. */
  name: string
  value: number
  /** Unit: `/s`, `ms`, `MiB`, `ns` … */
  unit: string
  /** Goal in words: `under 16`. */
  goal?: string
}

/** Does some work and returns the number of pieces done. */
export type Work = () => number

/**
 * Measures the cost of one piece of each work, in nanoseconds of this process' time, so that other processes hardly
 * count. The works take turns, and each gets the median of its rounds: a disturbance of the machine affects all alike.
 */
export const costsInTurn = (works: readonly Work[], { rounds = 15, milliseconds = 30 } = {}): number[] => {
  const run = (work: Work): number => {
    const start = process.cpuUsage()
    const begun = performance.now()
    let pieces = 0
    // The clock is read after many pieces, so that reading it does not count.
    do for (let count = 0; count < 64; count++) pieces += work()
    while (performance.now() - begun < milliseconds)
    const { user, system } = process.cpuUsage(start)
    return ((user + system) * 1_000) / pieces
  }
  // These rounds warm up: afterwards the compiler has seen every work.
  for (let round = 0; round < 5; round++) for (const work of works) run(work)
  const costs = works.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, work] of works.entries()) costs[index]?.push(run(work))
  }
  return costs.map((samples) => percentile(samples, 0.5))
}

/** Figures for the values at growing sizes, and the ratio of the last to the first. */
export const growth = (
  name: string,
  { sizes, values, unit, goal }: { sizes: readonly number[]; values: readonly number[]; unit: string; goal?: string },
): Figure[] => [
  ...sizes.map((size, index) => ({ name: `${name} ${size.toLocaleString('en')}`, value: values[index] ?? 0, unit })),
  {
    name: `${name} growth`,
    value: ((values.at(-1) ?? 0) / (values[0] ?? 1) - 1) * 100,
    unit: '%',
    ...(goal === undefined ? {} : { goal }),
  },
]

/**
 * Measures how often `work` runs in a second, repeating it for about `milliseconds` after warming up for a tenth of
 * that.
 */
export const ratePerSecond = (work: () => void, milliseconds = 1_000): number => {
  const run = (duration: number): number => {
    const start = performance.now()
    let count = 0
    let elapsed = 0
    // The clock is read once in 64 rounds, so that reading it does not count.
    do {
      for (let i = 0; i < 64; i++) work()
      count += 64
      elapsed = performance.now() - start
    } while (elapsed < duration)
    return (count / elapsed) * 1_000
  }
  run(milliseconds / 10)
  return run(milliseconds)
}

/** Measures how often `work` runs in a second of one core's time: time that other processes take does not count. */
export const ratePerCoreSecond = (work: () => void, milliseconds = 1_000): number => {
  ratePerSecond(work, milliseconds / 10)
  const start = process.cpuUsage()
  const begun = performance.now()
  let count = 0
  do {
    for (let i = 0; i < 64; i++) work()
    count += 64
  } while (performance.now() - begun < milliseconds)
  const { user, system } = process.cpuUsage(start)
  return (count / (user + system)) * 1_000_000
}

/** The value below which the given share of the samples lies (nearest rank). */
export const percentile = (samples: readonly number[], share: number): number => {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}
