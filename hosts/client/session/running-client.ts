import type { PeerEnd } from '../../../core/config/host-config.ts'
import type { NameInspection } from '../names/name-inspection.ts'
import type { ClientStatus } from './client-status.ts'

/** A client whose parts run; the portal may not have answered yet. */
export interface RunningClient {
  status: () => ClientStatus
  /** How a name is answered. @throws OperatorError */
  inspectName: (question: { name: string; type: string }) => Promise<NameInspection>
  /** Reason of the end; `signed_out` where the portal refused the token. */
  ended: Promise<PeerEnd>
  stop: () => Promise<void>
}
