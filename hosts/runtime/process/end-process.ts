const GRACE_MS = 1_000

/**
 * Ends this process within a second, with the exit code that is set by then, whatever somebody else's code still holds open: a plugin that did
 * not stop, or forgot a timer. Without that the process ends by itself, and earlier.
 */
export const endProcessSoon = (): void => {
  setTimeout(() => process.exit(), GRACE_MS).unref()
}
