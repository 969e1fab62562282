import type { PeerEnd } from '../../../core/config/host-config.ts'
import type { NameInspection } from '../names/name-inspection.ts'
import type { ClientStatus } from './client-status.ts'

/** Client whose parts have started; the portal may not have answered yet. */
export interface RunningClient {
  status: () => ClientStatus
  /** Describes how the client answers a name. @throws OperatorError */
  inspectName: (question: { name: string; type: string }) => Promise<NameInspection>
  /** Requests access to a resource, as a packet for it would; nothing happens if it is connected. */
  wantAccess: (resourceId: string) => void
  /** Resolves with the reason when the client ends; `signed_out` if the portal refused the token. */
  ended: Promise<PeerEnd>
  stop: () => Promise<void>
}
