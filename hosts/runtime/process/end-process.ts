const GRACE_MS = 1_000

/**
 * Ends this process after one second with the exit code set by then, even if a plugin has left a timer or socket open.
 * If nothing is open, the process ends by itself before.
 */
export const endProcessSoon = (): void => {
  setTimeout(() => process.exit(), GRACE_MS).unref()
}
