import { WorkerLane } from '../../core/flow/lane.ts'
import { firstTraffic, rehearse, REHEARSED, type RehearsalPorts } from '../peer/rehearsal.ts'
import { ClientState } from './state.ts'

/** Requests a resource and connects to its gateway, in memory. Returns whether that came to its end. */
export const rehearseClient = (ports: RehearsalPorts): boolean =>
  rehearse<'client'>({
    ...ports,
    role: 'client',
    machine: (tunnel) =>
      new ClientState({
        random: ports.random,
        tunnel,
        lane: new WorkerLane(),
        // The made-up portal names no resolvers.
        readUpstream: ({ type }) => ({ kind: type, settings: {}, name: type }),
        mtu: ports.mtu,
      }),
    beginning: [
      {
        type: 'laneReported',
        report: {
          type: 'flowsOutput',
          output: { type: 'requestAccess', resourceId: REHEARSED.resource, cause: 'packet' },
        },
      },
    ],
    fromWorker: (command) =>
      command.type === 'installKeys' ? [{ type: 'laneReported', report: firstTraffic(command.keys.index) }] : [],
  })
