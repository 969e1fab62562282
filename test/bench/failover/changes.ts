import type { GatewayName } from '../../../hosts/lab/topology.ts'
import type { Bed } from './bed.ts'

/** A change that a stream of connections has to survive. */
export interface Change {
  what: string
  /** Goal in words; none for what has no goal in milliseconds. */
  goal: string
  make: (bed: Bed, used: GatewayName) => Promise<void>
  /** Puts everything back, for the next run. */
  restore: (bed: Bed, used: GatewayName) => Promise<void>
}

const startAgain: Change['restore'] = (bed, used) => bed.start(used)

/** Changes by their keys in the last line. */
export const CHANGES: Readonly<Record<string, Change>> = {
  kill: {
    what: 'the gateway in use is killed by SIGKILL',
    goal: 'p95 under 500',
    make: (bed, used) => bed.kill(used),
    restore: startAgain,
  },
  cut: {
    what: 'the machine of the gateway in use is cut off: every packet from and to it is dropped, and nobody is told',
    goal: 'p95 under 1000',
    make: (bed, used) => bed.cut(used),
    restore: (bed, used) => bed.join(used),
  },
  stop: {
    what: 'the gateway in use is ended by SIGTERM',
    goal: 'p95 under 200',
    make: (bed, used) => bed.stop(used),
    restore: startAgain,
  },
  portal: {
    what: 'the portal is killed by SIGKILL, and started again',
    goal: '0 lost',
    make: (bed) => bed.restartPortal(),
    restore: () => Promise.resolve(),
  },
}
