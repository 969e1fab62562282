import { join } from 'node:path'
import { askOwner, ControlSocket, type ControlHandlers, type ControlOwner } from '../peer/control-socket.ts'
import type { GatewayConfig } from './config.ts'
import type { GatewayStatus } from './gateway-status.ts'

/** Command that a running gateway accepts on its control socket. */
export type GatewayCommand = 'status'

/** Opens a gateway's control socket. @throws OperatorError GATEWAY_RUNNING, SOCKET_FAILED */
export const openGatewaySocket = (path: string, handlers: ControlHandlers<GatewayCommand>): Promise<ControlSocket> =>
  ControlSocket.open(path, GATEWAY, handlers)

/**
 * Asks a running gateway for its status.
 * @throws OperatorError GATEWAY_NOT_RUNNING, or the code with which the gateway refused
 */
export const askGatewayStatus = async (path: string): Promise<GatewayStatus> =>
  (await askOwner<GatewayCommand>({ path, owner: GATEWAY, command: 'status' })) as GatewayStatus

/** Returns the path of a gateway's control socket. */
export const gatewaySocket = ({ socket, state_folder }: Pick<GatewayConfig, 'socket' | 'state_folder'>): string =>
  socket ?? join(state_folder, 'gateway.sock')

const GATEWAY: ControlOwner = {
  name: 'gateway',
  ifRunning: 'End it first: a machine has room for one.',
  ifNotRunning: 'Start it with `portreeve gateway`; PORTREEVE_SOCKET says which one is meant.',
}
