import type { PeerEnd } from '../../../core/config/host-config.ts'
import type { NameInspection } from '../names/name-inspection.ts'
import type { ClientStatus } from './client-status.ts'

/** What `startClient` gives back once its parts run; the portal may not have answered yet. */
export interface RunningClient {
  status: () => ClientStatus
  /** How a name is answered. @throws OperatorError */
  inspectName: (question: { name: string; type: string }) => Promise<NameInspection>
  /** Where the portal refuses the token the client ends, `signed_out`. */
  ended: Promise<PeerEnd>
  stop: () => Promise<void>
}
