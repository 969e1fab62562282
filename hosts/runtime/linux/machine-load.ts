import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import type { LoadReading, MachineLoad } from '../../../core/runtime/machine-load.ts'

/** Load of this machine, from the kernel's counters. */
export class LinuxMachineLoad implements MachineLoad {
  readonly #devices: string

  /** `devices` is the file with the counters of network devices. */
  constructor(devices = '/proc/self/net/dev') {
    this.#devices = devices
  }

  read(device: string): LoadReading {
    let busyMs = 0
    let processorMs = 0
    for (const { times } of cpus()) {
      const { idle, ...busy } = times
      const worked = Object.values(busy).reduce((sum, one) => sum + one, 0)
      busyMs += worked
      processorMs += worked + idle
    }
    return { busyMs, processorMs, deviceBytes: this.#bytes(device) }
  }

  #bytes(device: string): number | undefined {
    let text: string
    try {
      text = readFileSync(this.#devices, 'utf8')
    } catch {
      return undefined
    }
    // proc_net_dev(5): bytes received are the first column, bytes sent the ninth.
    const line = text.split('\n').find((each) => each.trimStart().startsWith(`${device}:`))
    const columns =
      line
        ?.slice(line.indexOf(':') + 1)
        .trim()
        .split(/\s+/)
        .map(Number) ?? []
    const [received, sent] = [columns[0], columns[8]]
    return received === undefined || sent === undefined ? undefined : received + sent
  }
}
