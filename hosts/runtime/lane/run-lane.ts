import { parentPort, workerData } from 'node:worker_threads'
import type { Flows, PacketInput, PacketOutput } from '../../../core/flow/flows.ts'
import type { LaneCommand, LaneReport } from '../../../core/flow/lane.ts'
import type { FlowsRehearsal } from '../../../core/flow/rehearsed-packet.ts'
import type { Family } from '../../../core/runtime/endpoint.ts'
import { SystemClock } from '../clock.ts'
import { openUdpPort } from '../datagram-socket.ts'
import { loadAddon, type Addon, type Port } from '../native/addon.ts'
import { openPerFamily } from '../per-family.ts'
import { warmUp } from '../process/warm-up.ts'
import { openTunPort } from '../tun-device.ts'
import type { FromWorker, ToWorker, WorkerSetUp } from './letters.ts'
import { PacketLane } from './packet-lane.ts'
import { rehearseLane } from './rehearsal.ts'

/**
 * Runs a native lane in this worker thread, until the parent thread sends `close`. `rehearsal` returns a packet
 * engine for packets that are rehearsed.
 */
export const runLane = async <Input, Output extends { type: string }>(
  flows: Flows<Input | PacketInput, Output | PacketOutput>,
  { rehearsal }: { rehearsal: () => FlowsRehearsal<Input, Output> },
): Promise<void> => {
  const parent = parentPort
  if (parent === null) throw new Error('a lane runs in a worker')
  const post = (letter: FromWorker<LaneReport<Output | PacketOutput>>): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's, not a window's
    parent.postMessage(letter)
  }
  const { device, udp, clockOrigin } = workerData as WorkerSetUp
  const addon = loadAddon()
  let tun: Port
  let sockets: ReadonlyMap<Family, Port>
  try {
    tun = await openTunPort(addon, device)
    sockets = await openPerFamily({
      open: (family) => openUdpPort(addon, { ...udp, family, orAnyPort: true }),
      close: (port) => addon.close(port),
    })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
    return post({ type: 'refused', message: error instanceof Error ? error.message : String(error), code })
  }
  let endWarmUp = (): void => undefined
  const lane = new PacketLane<Input, Output>({
    addon,
    flows,
    clock: new SystemClock({ origin: clockOrigin }),
    tun,
    sockets,
    send: (reports, datagrams) => post({ type: 'items', reports, datagrams }),
    onFailure: (error) => post({ type: 'failed', message: error.message }),
  })
  parent.on('message', (letter: ToWorker<LaneCommand<Input>>) => {
    switch (letter.type) {
      case 'items':
        for (const item of letter.items) {
          if (item.type === 'command') lane.tell(item.command)
          else lane.sendDatagram(item)
        }
        return lane.settle()
      case 'taken':
        return lane.taken(letter.datagrams)
      case 'close':
        endWarmUp()
        lane.close()
        post({ type: 'closed' })
        parent.close()
    }
  })
  post({ type: 'opened', ports: portsOf(addon, sockets) })
  endWarmUp = warmUp({ name: 'lane', rehearse: () => rehearseLane(addon, rehearsal()) })
}

const portsOf = (addon: Addon, sockets: ReadonlyMap<Family, Port>): { ipv4?: number; ipv6?: number } =>
  Object.fromEntries([...sockets].map(([family, port]) => [family, addon.udpPort(port)]))
