import type { Body } from '../../../core/control/messages.ts'
import type { PolicyExplanation } from '../../../core/policy/policy-verdict.ts'
import type { ClientConnection } from './connections.ts'

/** A client's request for access to a resource. */
export interface AccessRequest {
  connection: ClientConnection
  /** Request message of the client, its `resource_id` in lower case. */
  wish: Body<'client', 'toPortal', 'requestAuthorization'>
  /** Verdicts of the policies at their last evaluation. */
  explanation: readonly PolicyExplanation[]
}
