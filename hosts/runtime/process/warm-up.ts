import { setFlagsFromString } from 'node:v8'

/** Passes after which code is compiled, and takes a fourth of the time of the first. */
const FIRST_PASSES = 6
/**
 * Passes after which a first connection takes about half of what it takes after the first ones. After many more it takes
 * longer again: V8 has then optimized for what only the rehearsal does.
 */
const PASSES = 14
/** Pause between two passes, in which whatever else the process has to do is done. */
const PAUSE_MS = 20
/** Pause between later passes, which gain less, so that they take little of a processor that has other work. */
const LATER_PAUSE_MS = 60

/**
 * Runs a rehearsal of what somebody will wait for a few times, so that V8 has compiled it by then, and keeps V8 from
 * forgetting it. One that throws is given up, and `failed` told. Rehearsals of one name in a process, or thread, share
 * their passes. Returns a function that stops it.
 */
export const warmUp = (
  { name, rehearse }: { name: string; rehearse: () => unknown },
  failed: (error: unknown) => void = () => undefined,
): (() => void) => {
  // V8 drops the bytecode of functions that were not called for a while: after a quiet night all would be slow again.
  setFlagsFromString('--no-flush-bytecode')
  let timer: NodeJS.Timeout | undefined
  const run = (): void => {
    const pass = (passes.get(name) ?? 0) + 1
    if (pass > PASSES) return
    passes.set(name, pass)
    try {
      rehearse()
    } catch (error) {
      return failed(error)
    }
    timer = setTimeout(run, pass < FIRST_PASSES ? PAUSE_MS : LATER_PAUSE_MS)
  }
  timer = setTimeout(run, 0)
  return () => clearTimeout(timer)
}

/** Passes so far, by the rehearsal's name. */
const passes = new Map<string, number>()
