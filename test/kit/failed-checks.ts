import type { Check } from '../conformance/runner.ts'

/** Messages of the checks that fail, of those whose title has a text. @throws Error where no check has it */
export const failedChecks = async (checks: readonly Check[], text: string): Promise<string[]> => {
  const chosen = checks.filter(({ title }) => title.includes(text))
  if (chosen.length === 0) throw new Error(`no check is called ${text}`)
  const failed: string[] = []
  for (const { title, run } of chosen) {
    try {
      await run()
    } catch (error) {
      failed.push(`${title}: ${String(error)}`)
    }
  }
  return failed
}
