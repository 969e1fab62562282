/** One step of a scenario. It gives back what it saw, in a sentence, or throws. */
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
  /** Ends the walk with what it says, whatever a step is waiting for. */
  interrupted: Promise<string>
}

/** Walks through steps in order. After the first that fails, the others are reported as not run. */
export const walk = async <World>(
  steps: readonly Step<World>[],
  world: World,
  { onReport, interrupted }: WalkOptions,
): Promise<StepReport[]> => {
  const reports: StepReport[] = []
  const stop = interrupted.then((why) => Promise.reject(new Error(why)))
  stop.catch(() => undefined) // it may happen between steps, or never
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
