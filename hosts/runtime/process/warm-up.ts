import { setFlagsFromString } from 'node:v8'

/** Times after which code runs about as fast as it will: compiled, with the types of its values known. */
const PASSES = 6
/** Pause between two passes, in which whatever else the process has to do is done. */
const PAUSE_MS = 20

/**
 * Runs a rehearsal of what somebody will wait for a few times, so that V8 has compiled it by then, and keeps V8 from
 * forgetting it. One that throws is given up, and `failed` told. Returns a function that stops it.
 */
export const warmUp = (rehearse: () => unknown, failed: (error: unknown) => void = () => undefined): (() => void) => {
  // V8 drops the bytecode of functions that were not called for a while: after a quiet night all would be slow again.
  setFlagsFromString('--no-flush-bytecode')
  let timer: NodeJS.Timeout | undefined
  const run = (left: number): void => {
    try {
      rehearse()
    } catch (error) {
      return failed(error)
    }
    if (left > 1) timer = setTimeout(run, PAUSE_MS, left - 1)
  }
  timer = setTimeout(run, 0, PASSES)
  return () => clearTimeout(timer)
}
