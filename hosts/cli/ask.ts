import { askClient, type ClientCommand } from '../client/session/control-socket.ts'
import { clientSchema } from './config-schemas.ts'
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
  timeoutMs?: number,
): Promise<unknown> => {
  const options = { input, ...(timeoutMs === undefined ? {} : { timeoutMs }) }
  const named = file === undefined ? env['PORTREEVE_SOCKET'] : undefined
  if (named !== undefined && named !== '') return askClient(named, command, options)
  const schema = await clientSchema()
  if (file === undefined) return askClient(schema.shape.socket.parse(undefined), command, options)
  const { config } = await readConfig({ schema, file, fallback: 'client.yaml', env })
  return askClient(config.socket, command, options)
}
