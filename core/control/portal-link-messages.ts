import type { ConnectRefusal } from './connect-request.ts'
import type { FromPortal, LinkRole, ToPortal } from './messages.ts'
import type { PortalProblem } from './portal-problem.ts'

/** Inputs of `PortalLink`: events of the connection, and messages to send. */
export type LinkInput<R extends LinkRole> =
  | { type: 'started' }
  | { type: 'stopped' }
  | { type: 'connectionOpened' }
  /** An HTTP response came instead of a WebSocket. `code` is absent if it is not the portal's. */
  | ({ type: 'connectionRefused'; status: number; problem?: PortalProblem } & Partial<
      Pick<ConnectRefusal, 'code' | 'reason' | 'detail' | 'retryAfterMs'>
    >)
  /** The connection ended, or could not be made. */
  | { type: 'connectionClosed'; problem?: PortalProblem }
  | { type: 'frameReceived'; text: string }
  /** The addresses of this machine have changed: a connection from one of before may be dead. */
  | { type: 'networkChanged' }
  /** It matters whether the portal answers at present; if it does, `answered` follows. */
  | { type: 'answerWanted' }
  /**
   * Sends a message. While the link is down it is dropped, or with `hold` kept until the link is up (the last 64 of
   * them). With `hold` it is also sent again on the next connection if this one dies before the portal has answered
   * anything sent later: the portal may get it twice.
   */
  | ({ type: 'send'; hold?: boolean } & ToPortal<R>)

/** Outputs of `PortalLink`: effects on the connection, received messages and changes of the link. */
export type LinkOutput<R extends LinkRole> =
  | { type: 'openConnection' }
  | { type: 'closeConnection' }
  | { type: 'sendText'; text: string }
  | ({ type: 'deliver' } & FromPortal<R>)
  /** The peer has joined: messages reach the portal. The portal's `init` follows. */
  | { type: 'linkUp' }
  /** The portal has answered since `answerWanted`. */
  | { type: 'answered' }
  | { type: 'linkDown'; reason: string; problem?: PortalProblem }
  /** The portal was not reached; another attempt follows. */
  | { type: 'attemptFailed'; problem: PortalProblem }
  /**
   * Final: the token is not valid. `reason` is the portal's code (`invalid_token`, `token_revoked` …), `detail` its
   * explanation.
   */
  | { type: 'signedOut'; reason: string; detail?: string }
  /** Final: another process with this identity is connected. `reason` is a sentence. */
  | { type: 'identityInUse'; reason: string }
  /** Final: the portal was unreachable for longer than `patienceMs`, or refused the join. `reason` is a sentence. */
  | { type: 'gaveUp'; reason: string }
