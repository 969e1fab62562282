import { getSystemErrorName } from 'node:util'
import type { Counters } from '../../core/runtime/counters.ts'

/** Counts one thing that the kernel refused, by its error's name (`ENOBUFS`). Zero is no error and counts nothing. */
export const countErrno = (drops: Counters, errno: number): void => {
  if (errno !== 0) drops.count(getSystemErrorName(-errno))
}
