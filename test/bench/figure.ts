/** One measured number. Nothing judges it: a benchmark prints, people compare ratios within one run. */
export interface Figure {
  /** `policy evaluations, 1,000 policies` */
  name: string
  value: number
  /** `/s`, `ms`, `MiB`, `ns` … */
  unit: string
}

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
