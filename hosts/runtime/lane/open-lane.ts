import type { Flows, PacketInput, PacketOutput } from '../../../core/flow/flows.ts'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { ScriptLane, WorkerLane, type Lane, type LaneCommand, type LaneReport } from '../../../core/flow/lane.ts'
import type { DatagramSockets } from '../../../core/runtime/datagram-socket.ts'
import type { TunDevices } from '../../../core/runtime/tun-device.ts'
import { SystemClock } from '../clock.ts'
import { ScriptCarrier, type CarrierOptions, type PacketCarrier } from './carrier.ts'
import type { LaneChoice } from './choose-lane.ts'
import { WorkerCarrier } from './worker-carrier.ts'

export interface LaneParts<Input, Output> {
  flows: () => Flows<Input, Output>
  /** URL of a module in the folder of `lane-worker`, the worker's module. */
  entry: string
  tunDevices: TunDevices
  sockets: DatagramSockets
}

export interface OpenedLane<Input, Output> {
  /** Half of the lane that the host's state machine holds. */
  machine: Lane<Input, Output>
  /** Opens the other half, device and sockets, for the host's shell. */
  openCarrier: (options: CarrierOptions<LaneReport<Output>>) => Promise<PacketCarrier<LaneCommand<Input>>>
}

/** Returns both halves of the chosen lane: the machine in the host's state, the carrier for its shell. */
export const openLane = <Input extends object, Output>(
  { kind }: LaneChoice,
  { flows, entry, tunDevices, sockets }: LaneParts<Input | PacketInput, Output | PacketOutput>,
): OpenedLane<Input | PacketInput, Output | PacketOutput> => {
  if (kind === 'script') {
    return {
      machine: new ScriptLane(flows()),
      openCarrier: (options) => ScriptCarrier.open({ tunDevices, sockets }, options).catch(explained(options)),
    }
  }
  // The source if it is run without compilation.
  const worker = new URL(entry.endsWith('.ts') ? './lane-worker.ts' : './lane-worker.js', entry)
  const clockOrigin = new SystemClock().origin
  return {
    machine: new WorkerLane(),
    openCarrier: (options) =>
      WorkerCarrier.open<LaneCommand<Input | PacketInput>, LaneReport<Output | PacketOutput>>(worker, {
        ...options,
        clockOrigin,
      }).catch(explained(options)),
  }
}

/** Returns an error handler that replaces EBUSY by an OperatorError DEVICE_TAKEN and rethrows all else. */
const explained =
  ({ device }: { device: { name: string } }) =>
  (error: unknown): never => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EBUSY')) throw error
    const remedy = 'Set `device` in the configuration to a name that is free.'
    throw new OperatorError('DEVICE_TAKEN', `the TUN device ${device.name} is another program’s.`, remedy, {
      cause: error,
    })
  }
