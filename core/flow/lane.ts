// A lane is the part of a client or gateway that moves packets: TUN device, packet engine (`Flows`), encryption,
// sockets. The host's state machine passes grants and keys to it, and gets its outputs. In the script lane, the packet
// engine runs within that state machine, and the transport plugin encrypts. In the native lane, it runs in a worker
// thread that encrypts with exported keys; this file has its proxy.
import type { TunnelKeysOutput, TunnelTraffic } from '../contract/tunnel-transport.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import type { TunnelPath } from '../runtime/path.ts'
import type { Instant } from '../runtime/time.ts'
import type { Flows } from './flows.ts'

/** Keys that a tunnel transport exports to a lane which encrypts packets itself. */
export type LaneKeys = TunnelKeysOutput<TunnelPath>

/** Traffic of one session, reported to the tunnel transport by a lane that encrypts packets itself. */
export type LaneTraffic = TunnelTraffic<TunnelPath>

/** Inputs of a lane from the host's state machine. */
export type LaneInput<FlowsInput, FlowsOutput> =
  | { type: 'flowsTold'; input: FlowsInput }
  /** The tunnel transport exports keys to a lane which encrypts packets itself. */
  | { type: 'keysExported'; output: LaneKeys }
  | { type: 'workerReported'; report: LaneReport<FlowsOutput> }

/** Outputs of a lane: those of the packet engine, traffic for the transport, messages to the worker. */
export type LaneOutput<FlowsInput, FlowsOutput> =
  | { type: 'flowsOutput'; output: FlowsOutput }
  | ({ type: 'trafficSeen' } & LaneTraffic)
  | { type: 'tellWorker'; command: LaneCommand<FlowsInput> }

/** Messages to the worker. They take effect in order. */
export type LaneCommand<FlowsInput> = { type: 'tellFlows'; input: FlowsInput } | LaneKeys

/** Messages from the worker. */
export type LaneReport<FlowsOutput> =
  /** Output of the packet engine that the worker does not perform itself. */
  | { type: 'flowsOutput'; output: FlowsOutput }
  | ({ type: 'trafficSeen' } & LaneTraffic)
  | { type: 'countersRead'; flows: Counts; lane: Counts }

/** Number of drops by reason. */
export type Counts = Readonly<Record<string, number>>

/** Number of drops by part of a host and reason. */
export type DropCounts = Readonly<Record<string, Counts>>

/** Part of the state machine of a client or gateway that passes inputs and outputs to and from its packet engine. */
export interface Lane<FlowsInput, FlowsOutput> extends Machine<
  LaneInput<FlowsInput, FlowsOutput>,
  LaneOutput<FlowsInput, FlowsOutput>
> {
  readonly kind: LaneKind
  counters: () => DropCounts
}

/** Kind of lane: packet engine in the host's thread (`script`), or in a worker with native code (`native`). */
export type LaneKind = 'script' | 'native'

/** Lane with the packet engine in this thread. It is the reference in tests of the native lane. */
export class ScriptLane<FlowsInput, FlowsOutput> implements Lane<FlowsInput, FlowsOutput> {
  readonly kind = 'script'
  readonly #flows: Flows<FlowsInput, FlowsOutput>

  constructor(flows: Flows<FlowsInput, FlowsOutput>) {
    this.#flows = flows
  }

  handle(input: LaneInput<FlowsInput, FlowsOutput>, now: Instant): void {
    if (input.type === 'flowsTold') this.#flows.handle(input.input, now)
  }

  wake(now: Instant): void {
    this.#flows.wake(now)
  }

  poll(): LaneOutput<FlowsInput, FlowsOutput> | undefined {
    const output = this.#flows.poll()
    return output === undefined ? undefined : { type: 'flowsOutput', output }
  }

  deadline(): Deadline | undefined {
    return this.#flows.deadline()
  }

  counters(): DropCounts {
    return { flows: this.#flows.counters() }
  }
}

/** Proxy of a native lane, whose packet engine runs in a worker: passes messages to and from it. */
export class WorkerLane<FlowsInput, FlowsOutput> implements Lane<FlowsInput, FlowsOutput> {
  readonly kind = 'native'
  readonly #outputs = new OutputQueue<LaneOutput<FlowsInput, FlowsOutput>>()
  #counters: DropCounts = { flows: {}, lane: {} }

  handle(input: LaneInput<FlowsInput, FlowsOutput>): void {
    switch (input.type) {
      case 'flowsTold':
        this.#outputs.push({ type: 'tellWorker', command: { type: 'tellFlows', input: input.input } })
        return
      case 'keysExported':
        this.#outputs.push({ type: 'tellWorker', command: input.output })
        return
      case 'workerReported':
        if (input.report.type === 'countersRead') {
          this.#counters = { flows: input.report.flows, lane: input.report.lane }
        } else this.#outputs.push(input.report)
    }
  }

  wake(): void {
    // The worker watches its deadlines itself.
  }

  poll(): LaneOutput<FlowsInput, FlowsOutput> | undefined {
    return this.#outputs.poll()
  }

  deadline(): undefined {
    return undefined
  }

  counters(): DropCounts {
    return this.#counters
  }
}
