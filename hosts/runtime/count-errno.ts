import { getSystemErrorName } from 'node:util'
import type { Counters } from '../../core/runtime/counters.ts'

/**
 * Counts a packet or datagram that the kernel refused, under the error's name (`ENOBUFS`). An `errno` of 0 counts
 * nothing.
 */
export const countErrno = (drops: Counters, errno: number): void => {
  if (errno !== 0) drops.count(getSystemErrorName(-errno))
}
