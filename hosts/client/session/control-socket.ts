import { askOwner, ControlSocket, type ControlHandlers, type ControlOwner } from '../../peer/control-socket.ts'

/** Command that a running client accepts on its control socket. */
export type ClientCommand = 'status' | 'down' | 'sign-in' | 'sign-in-paste' | 'sign-out' | 'dns-query' | 'want-access'

/** Opens a client's control socket. @throws OperatorError CLIENT_RUNNING, SOCKET_FAILED */
export const openClientSocket = (path: string, handlers: ControlHandlers<ClientCommand>): Promise<ControlSocket> =>
  ControlSocket.open(path, CLIENT, handlers)

/**
 * Sends a command to a running client and returns the result.
 * @throws OperatorError CLIENT_NOT_RUNNING, or the code of the refusal
 */
export const askClient = (
  path: string,
  command: ClientCommand,
  options: { timeoutMs?: number; input?: unknown } = {},
): Promise<unknown> => askOwner({ path, owner: CLIENT, command, ...options })

const CLIENT: ControlOwner = {
  name: 'client',
  ifRunning: 'End it with `portreeve client down`, first: a machine has room for one.',
  ifNotRunning: 'Start it with `portreeve client up`; PORTREEVE_SOCKET says which one is meant.',
}
