import type { Authorization } from '../store/entities.ts'
import type { Decision } from '../store/store.ts'

/** Effect of the portal's machine, which its shell carries out. */
export type PortalOutput =
  | { type: 'sendText'; connection: string; text: string }
  /** Comes after the texts that were sent before. */
  | { type: 'closeConnection'; connection: string; reason: string }
  /** Answered by `authorizationNotRecorded` where that fails. */
  | { type: 'recordAuthorization'; authorization: Authorization }
  | { type: 'removeAuthorization'; accountId: string; authorizationId: string }
  | { type: 'recordDecision'; accountId: string; decision: Decision }

/** Queues an effect. */
export type Emit = (output: PortalOutput) => void

/** Counts an input that was dropped, by its reason. */
export type Drop = (reason: string) => void
