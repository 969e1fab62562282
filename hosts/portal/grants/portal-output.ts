import type { IsolatedQuestion } from '../../../core/plugin/isolated-question.ts'
import type { Authorization } from '../store/entities.ts'
import type { Decision } from '../store/store.ts'
import type { GatewayCheck } from './gateway-check.ts'

/** Effect of the portal's machine, carried out by its shell. */
export type PortalOutput =
  | { type: 'sendText'; connection: string; text: string }
  /** Closes a connection after the texts sent before. */
  | { type: 'closeConnection'; connection: string; reason: string }
  /** Stores an authorization; the shell answers with `authorizationRecorded` or `authorizationNotRecorded`. */
  | { type: 'recordAuthorization'; authorization: Authorization }
  | { type: 'removeAuthorization'; accountId: string; authorizationId: string }
  /** Refreshes a fact that a plugin brings: somebody asked for a key that its table lacks. */
  | { type: 'refreshFact'; name: string }
  /** Asks plugins in threads of their own; the shell answers with `isolatedAnswered`. */
  | { type: 'askIsolated'; id: number; questions: readonly IsolatedQuestion[] }
  /** Sends connectivity checks to a lost gateway; the shell answers with `gatewayAnswered` if it answers one. */
  | { type: 'checkGateway'; gatewayId: string; checks: readonly GatewayCheck[] }
  /** Tells those who look that a peer came or left, or that a gateway reports other problems than before. */
  | { type: 'presenceChanged'; peerId: string }
  | { type: 'recordDecision'; accountId: string; decision: Decision }

/** Queues an effect. */
export type Emit = (output: PortalOutput) => void

/** Counts a dropped input by its reason. */
export type Drop = (reason: string) => void
