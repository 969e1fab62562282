import { portalFindings } from './portal-findings.ts'
import type { Finding } from './finding.ts'

/** Tries the way to a portal's control channel and says what was found. `mark` is left out where it is not permitted. */
export const probedPortal = async ({
  url,
  caFile,
  mark,
}: {
  url: string
  caFile: string | undefined
  mark?: number | undefined
}): Promise<Finding[]> => {
  const { createClock, createRandom, hasNetAdmin, probePortal } = await import('../runtime/index.ts')
  const clock = createClock()
  const probe = await probePortal({
    url,
    caFile,
    mark: hasNetAdmin() ? mark : undefined,
    clock,
    random: createRandom(),
  })
  return portalFindings(probe, clock.unix())
}
