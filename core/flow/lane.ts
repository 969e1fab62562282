// A lane moves packets: TUN device, flows, sealing, sockets. The host's state tells it grants and keys, and hears what it has no verdict
// for. In the script lane the flows run in the host's own machine and the transport seals. In the native lane they run in a worker
// that seals with exported keys; what stays here is the letter box.
import type { TunnelKeysOutput, TunnelTraffic } from '../contract/tunnel-transport.ts'
import type { Endpoint } from '../runtime/endpoint.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import type { Instant } from '../runtime/time.ts'
import type { Flows } from './flows.ts'

/** Keys that a transport exports to a lane. */
export type LaneKeys = TunnelKeysOutput<Endpoint>

/** Traffic of one session, as a lane that seals reports it to the transport. */
export type LaneTraffic = TunnelTraffic<Endpoint>

/** What the host's machine tells the lane. */
export type LaneInput<FlowsInput, FlowsOutput> =
  | { type: 'flowsTold'; input: FlowsInput }
  /** By the transport, for a lane that seals. */
  | { type: 'keysExported'; output: LaneKeys }
  | { type: 'workerReported'; report: LaneReport<FlowsOutput> }

export type LaneOutput<FlowsInput, FlowsOutput> =
  | { type: 'flowsOutput'; output: FlowsOutput }
  | ({ type: 'trafficSeen' } & LaneTraffic)
  | { type: 'tellWorker'; command: LaneCommand<FlowsInput> }

/** To the worker, in order: what was told before is in effect before what was told after. */
export type LaneCommand<FlowsInput> = { type: 'tellFlows'; input: FlowsInput } | LaneKeys

/** From the worker. */
export type LaneReport<FlowsOutput> =
  /** What the flows want and the worker does not do itself. */
  | { type: 'flowsOutput'; output: FlowsOutput }
  | ({ type: 'trafficSeen' } & LaneTraffic)
  | { type: 'countersRead'; flows: Counts; lane: Counts }

export type Counts = Readonly<Record<string, number>>

/** Of each part of a host: reasons, and how often something was dropped for them. */
export type DropCounts = Readonly<Record<string, Counts>>

export interface Lane<FlowsInput, FlowsOutput> extends Machine<
  LaneInput<FlowsInput, FlowsOutput>,
  LaneOutput<FlowsInput, FlowsOutput>
> {
  readonly kind: LaneKind
  counters: () => DropCounts
}

export type LaneKind = 'script' | 'native'

/** The flows in this thread: pure, and what the native lane is tested against. */
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

/** The flows in a worker, told and heard by letters. */
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
    // The worker has its own clock.
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
