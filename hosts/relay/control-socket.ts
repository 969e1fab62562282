import { join } from 'node:path'
import { askOwner, ControlSocket, type ControlHandlers, type ControlOwner } from '../peer/control-socket.ts'
import type { RelayConfig } from './config.ts'
import type { RelayStatus } from './relay-status.ts'

/** Command that a running relay accepts on its control socket. */
export type RelayCommand = 'status'

/** Opens a relay's control socket. @throws OperatorError RELAY_RUNNING, SOCKET_FAILED */
export const openRelaySocket = (path: string, handlers: ControlHandlers<RelayCommand>): Promise<ControlSocket> =>
  ControlSocket.open(path, RELAY, handlers)

/**
 * Asks a running relay for its status.
 * @throws OperatorError RELAY_NOT_RUNNING, or the code with which the relay refused
 */
export const askRelayStatus = async (path: string): Promise<RelayStatus> =>
  (await askOwner<RelayCommand>({ path, owner: RELAY, command: 'status' })) as RelayStatus

/** Returns the path of a relay's control socket. */
export const relaySocket = ({ socket, state_folder }: Pick<RelayConfig, 'socket' | 'state_folder'>): string =>
  socket ?? join(state_folder, 'relay.sock')

const RELAY: ControlOwner = {
  name: 'relay',
  ifRunning: 'End it first, or give this one a `socket` and a `port` of its own.',
  ifNotRunning: 'Start it with `portreeve relay`; PORTREEVE_SOCKET says which one is meant.',
}
