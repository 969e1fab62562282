import { setImmediate } from 'node:timers/promises'

/** Runs `work`, waits until rejections that nobody handles have been told, and returns their reasons. */
export const unhandledRejections = async (work: () => unknown): Promise<unknown[]> => {
  const reasons: unknown[] = []
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (reason) => reasons.push(reason))
  try {
    await work()
    await setImmediate()
    await setImmediate()
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const listener of others) process.on('unhandledRejection', listener)
  }
  return reasons
}
