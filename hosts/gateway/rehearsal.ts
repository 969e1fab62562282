import { WorkerLane } from '../../core/flow/lane.ts'
import { instant, unixTime } from '../../core/runtime/time.ts'
import { firstTraffic, rehearse, REHEARSED, type RehearsalPorts } from '../peer/rehearsal.ts'
import { GatewayState } from './state.ts'

/** Takes a grant and is connected to by its client, in memory. Returns whether that came to its end. */
export const rehearseGateway = (ports: RehearsalPorts): boolean =>
  rehearse<'gateway'>({
    ...ports,
    role: 'gateway',
    machine: (tunnel) =>
      new GatewayState({
        random: ports.random,
        tunnel,
        lane: new WorkerLane(),
        clocksAt: (now) => ({ instant: instant(now), unix: unixTime(now) }),
        mtu: ports.mtu,
      }),
    beginning: [],
    fromWorker: (command) => {
      if (command.type === 'installKeys') return [{ type: 'laneReported', report: firstTraffic(command.keys.index) }]
      if (command.type !== 'tellFlows' || command.input.type !== 'granted') return []
      const output = { type: 'granted', peer: REHEARSED.peer, resourceId: REHEARSED.resource } as const
      return [{ type: 'laneReported', report: { type: 'flowsOutput', output } }]
    },
  })
