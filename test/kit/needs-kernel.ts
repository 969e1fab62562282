import { accessSync, constants } from 'node:fs'
import { before } from 'mocha'

/** Reason why this machine cannot run tests on the real kernel, or undefined if it can. */
export const kernelProblem = (): string | undefined => {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid?.() !== 0) return 'needs root: network namespaces and TUN devices'
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK)
  } catch {
    return 'needs /dev/net/tun'
  }
  return undefined
}

/**
 * Skips a `describe` on the real kernel where it cannot run, and says why; in CI fails instead. Call it first in the
 * `describe`.
 */
export const needsKernel = (): void => {
  before(function () {
    const problem = kernelProblem()
    if (problem === undefined) return
    if (process.env['CI'] === 'true') throw new Error(`cannot be skipped in CI: ${problem}`)
    process.stderr.write(`skipped: ${problem}\n`)
    this.skip()
  })
}
