// Module of the worker thread of a gateway's native lane.
import { GatewayFlows } from '../../core/flow/gateway/gateway-flows.ts'
import { gatewayFlowsRehearsal } from '../../core/flow/gateway/rehearsal.ts'
import { runLane } from '../runtime/lane/run-lane.ts'

await runLane(new GatewayFlows(), { rehearsal: gatewayFlowsRehearsal })
