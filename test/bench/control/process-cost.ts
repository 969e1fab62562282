import { readdirSync, readFileSync } from 'node:fs'

/** Returns the processor time in milliseconds that a process has taken in all its threads. */
export const processorMs = (pid: number): number => {
  let nanoseconds = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0])
    } catch {
      // The thread has ended meanwhile.
    }
  }
  return nanoseconds / 1e6
}

/**
 * Returns the processor time in milliseconds that a process has taken, threads that have ended included, to the
 * nearest clock tick.
 */
export const wholeProcessorMs = (pid: number): number => {
  const [utime = 0, stime = 0] = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ')
    .slice(11, 13)
    .map(Number)
  return (utime + stime) * TICK_MS
}

/** Length of a clock tick of /proc: USER_HZ is 100 on every architecture that Node.js runs on. */
const TICK_MS = 10

/** Returns the resident memory of a process in KiB. */
export const residentKib = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? Number.NaN)
