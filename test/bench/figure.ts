/** One measured number. Nothing judges it: a benchmark prints, people compare ratios within one run. */
export interface Figure {
  /** `policy evaluations, 1,000 policies` */
  name: string
  value: number
  /** `/s`, `ms`, `MiB`, `ns` … */
  unit: string
  /** What is aimed at, in words: `under 16`. */
  goal?: string
}

/** Does some work; how many pieces it did. */
export type Work = () => number

/**
 * What a piece of each work costs, in nanoseconds of this process' time, so that what others on the machine do counts little. The works take turns,
 * and each gets the median of its rounds: what happens to the machine meanwhile happens to all alike.
 */
export const costsInTurn = (works: readonly Work[], { rounds = 15, milliseconds = 30 } = {}): number[] => {
  const run = (work: Work): number => {
    const start = process.cpuUsage()
    const begun = performance.now()
    let pieces = 0
    // The clock is read now and then only, so that reading it does not count.
    do for (let count = 0; count < 64; count++) pieces += work()
    while (performance.now() - begun < milliseconds)
    const { user, system } = process.cpuUsage(start)
    return ((user + system) * 1_000) / pieces
  }
  // By then the compiler has seen all of them.
  for (let round = 0; round < 5; round++) for (const work of works) run(work)
  const costs = works.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, work] of works.entries()) costs[index]?.push(run(work))
  }
  return costs.map((samples) => percentile(samples, 0.5))
}

/** The values at growing sizes, and by how much the last is above the first. */
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

/** How often `work` runs in a second: repeated for about `milliseconds`, after a tenth of that to warm up. */
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

/** The same for a second of one core's time: what others on the machine take does not count. */
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
