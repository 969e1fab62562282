import { ClientConfig } from '../client/config.ts'
import { askClient, type ClientCommand } from '../client/session/control-socket.ts'
import type { CommandContext } from './context.ts'
import { readConfig } from './read-config.ts'

/** What the commands have in common that ask a running client. */
export interface AskOptions {
  config?: string
  json?: true
}

/** Asks the client whose socket the environment or the configuration names. */
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
