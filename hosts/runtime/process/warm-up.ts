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
 * forgetting it. One that throws is given up, and `failed` told; one whose name was rehearsed in this process, or thread,
 * is not rehearsed again. Returns a function that stops it.
 */
export const warmUp = (
  { name, rehearse }: { name: string; rehearse: () => unknown },
  failed: (error: unknown) => void = () => undefined,
): (() => void) => {
  if (warm.has(name)) return () => undefined
  // V8 drops the bytecode of functions that were not called for a while: after a quiet night all would be slow again.
  setFlagsFromString('--no-flush-bytecode')
  let timer: NodeJS.Timeout | undefined
  const run = (left: number): void => {
    try {
      rehearse()
    } catch (error) {
      return failed(error)
    }
    const pauseMs = left > PASSES - FIRST_PASSES ? PAUSE_MS : LATER_PAUSE_MS
    if (left > 1) timer = setTimeout(run, pauseMs, left - 1)
    else warm.add(name)
  }
  timer = setTimeout(run, 0, PASSES)
  return () => clearTimeout(timer)
}

/** Names of finished rehearsals. */
const warm = new Set<string>()
