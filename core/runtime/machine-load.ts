import { token } from '../di.ts'

/** Counters of a machine, which only grow. */
export interface LoadReading {
  /** Milliseconds in which the processors worked, summed over all of them. */
  readonly busyMs: number
  /** Milliseconds of all processors, busy or idle. */
  readonly processorMs: number
  /** Bytes through a network device, both directions together; undefined if there is no such device. */
  readonly deviceBytes: number | undefined
}

/** Load of the machine that the host runs on. */
export interface MachineLoad {
  /** Reads the counters, those of a network device among them. Never throws. */
  read: (device: string) => LoadReading
}

export const MachineLoad = token<MachineLoad>('machine-load')
