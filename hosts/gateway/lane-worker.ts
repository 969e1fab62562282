// The worker of a gateway's native lane: its flows, beside the sealing.
import { GatewayFlows } from '../../core/flow/gateway/gateway-flows.ts'
import { runLane } from '../runtime/lane/run-lane.ts'

await runLane(new GatewayFlows())
