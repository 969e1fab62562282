// Module of the worker thread of a client's native lane.
import { ClientFlows } from '../../core/flow/client/client-flows.ts'
import { clientFlowsRehearsal } from '../../core/flow/client/rehearsal.ts'
import { runLane } from '../runtime/lane/run-lane.ts'

await runLane(new ClientFlows(), { rehearsal: clientFlowsRehearsal })
