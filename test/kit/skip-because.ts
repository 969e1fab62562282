import type { Context } from 'mocha'

/** Skips a test that this machine cannot run, and says why; in CI fails instead. */
export const skipBecause = (context: Context, problem: string): never => {
  if (process.env['CI'] === 'true') throw new Error(`cannot be skipped in CI: ${problem}`)
  process.stderr.write(`skipped: ${problem}\n`)
  return context.skip()
}
