// The worker of a client's native lane: its flows, beside the sealing.
import { ClientFlows } from '../../core/flow/client/client-flows.ts'
import { runLane } from '../runtime/lane/run-lane.ts'

await runLane(new ClientFlows())
