/** Step of a scenario. `run` returns a sentence about what it saw, or throws. */
export interface Step<World> {
  name: string
  run: (world: World) => Promise<string>
}

export interface StepReport {
  name: string
  ok: boolean
  ms: number
  detail: string
}

export interface WalkOptions {
  onReport: (report: StepReport) => void
  /** Resolves with a reason to fail the running step, and thus the rest. */
  interrupted: Promise<string>
}

/** Runs steps in order. After the first failure, the others are reported as not run. */
export const walk = async <World>(
  steps: readonly Step<World>[],
  world: World,
  { onReport, interrupted }: WalkOptions,
): Promise<StepReport[]> => {
  const reports: StepReport[] = []
  const stop = interrupted.then((why) => Promise.reject(new Error(why)))
  stop.catch(() => undefined) // may reject while no step runs
  for (const { name, run } of steps) {
    const failed = reports.find((report) => !report.ok)
    const began = performance.now()
    const outcome =
      failed === undefined
        ? await Promise.race([run(world), stop]).then(
            (detail) => ({ ok: true, detail }),
            (error: unknown) => ({ ok: false, detail: error instanceof Error ? error.message : String(error) }),
          )
        : { ok: false, detail: `not run: "${failed.name}" failed` }
    const report = { name, ...outcome, ms: Math.round(performance.now() - began) }
    reports.push(report)
    onReport(report)
  }
  return reports
}
