import { setTimeout as pause } from 'node:timers/promises'
import { Bed } from '../reach/bed.ts'
import { processorMs, residentKib } from './process-cost.ts'

/** Processor time of idle processes in seconds, and the portal's memory. */
export interface IdleCosts {
  client_s: number
  gateway_s: number
  portal_s: number
  portal_mib: number
}

/** Time after which the work of the start, such as compiling, is done. */
const SETTLE_MS = 20_000

/** Starts a portal, a client and a gateway on machines of their own and watches them doing nothing. */
export const idleCosts = async (seconds: number): Promise<IdleCosts> => {
  const bed = await Bed.open()
  try {
    await bed.startPeers()
    await pause(SETTLE_MS)
    const { lab } = bed.world
    const pids = [lab.part('client').pid, lab.part('gateway-1').pid, lab.part('portal').pid] as const
    const before = pids.map(processorMs)
    await pause(seconds * 1_000)
    const [client_s, gateway_s, portal_s] = pids.map((pid, at) => (processorMs(pid) - (before[at] ?? 0)) / 1_000)
    return {
      client_s: client_s ?? 0,
      gateway_s: gateway_s ?? 0,
      portal_s: portal_s ?? 0,
      portal_mib: residentKib(pids[2]) / 1_024,
    }
  } finally {
    await bed.close()
  }
}
