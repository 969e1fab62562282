import { ClientConfig } from '../client/config.ts'
import { askClient, type ClientCommand } from '../client/session/control-socket.ts'
import type { CommandContext } from './context.ts'
import { readConfig } from './read-config.ts'

/** Options common to all commands that ask a running client. */
export interface AskOptions {
  config?: string
  json?: true
}

/** Sends a command to the running client, at the socket named by the environment or the configuration. */
export const ask = async (
  command: ClientCommand,
  { config: file }: AskOptions,
  { env }: CommandContext,
  input?: unknown,
): Promise<unknown> => {
  const named = file === undefined ? env['PORTREEVE_SOCKET'] : undefined
  if (named !== undefined && named !== '') return askClient(named, command, { input })
  if (file === undefined) return askClient(ClientConfig.shape.socket.parse(undefined), command, { input })
  const { config } = await readConfig({ schema: ClientConfig, file, fallback: 'client.yaml', env })
  return askClient(config.socket, command, { input })
}
