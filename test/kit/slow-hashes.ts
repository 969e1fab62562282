import { createHook } from 'node:async_hooks'

/** Counts the slow hashes (scrypt) that this process begins while something runs. */
export const slowHashesDuring = async (run: () => Promise<unknown>): Promise<number> => {
  let count = 0
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'SCRYPTREQUEST') count++
    },
  })
  hook.enable()
  try {
    await run()
  } finally {
    hook.disable()
  }
  return count
}
