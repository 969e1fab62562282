import { Command } from 'commander'
import { askRelayStatus, relaySocket } from '../relay/control-socket.ts'
import type { RelayStatus } from '../relay/relay-status.ts'
import type { AskOptions } from './ask.ts'
import { relaySchema } from './config-schemas.ts'
import type { CommandContext } from './context.ts'
import { portalRows, table } from './output.ts'
import { printStatus } from './print-status.ts'
import { readConfig } from './read-config.ts'

/** Builds `portreeve relay status`, which shows the running relay's state; the exit code says whether it is connected. */
export const relayStatusCommand = (context: CommandContext): Command =>
  new Command('status')
    .description('Shows the state of the running relay, what it forwards, and what it refused and dropped.')
    .option('-c, --config <file>', 'the relay’s configuration')
    .option('--json', 'print one JSON document')
    .action(async (_, command: Command) => {
      printStatus(await relayStatus(command, context), { command, context, describe })
    })
    .addHelpText(
      'after',
      `
Ends with 0 where it is connected to the portal, 4 where the portal, or the relay itself, cannot be reached.

Examples:
  $ portreeve relay status --config relay.yaml
  $ portreeve relay status --json | jq .allocations`,
    )

/**
 * Asks the running relay that a command's options or the environment name.
 * @throws OperatorError RELAY_NOT_RUNNING and those of the configuration
 */
export const relayStatus = async (command: Command, { env }: Pick<CommandContext, 'env'>): Promise<RelayStatus> => {
  // The parent command has a --config as well, and commander assigns it the option given after the subcommand.
  const { config: file } = command.optsWithGlobals<AskOptions>()
  const named = file === undefined ? env['PORTREEVE_SOCKET'] : undefined
  return askRelayStatus(named ?? (await socketOf(file, env)))
}

/** Returns the path of the relay's socket according to the configuration, or the default path if there is none. */
const socketOf = async (file: string | undefined, env: NodeJS.ProcessEnv): Promise<string> => {
  const schema = await relaySchema()
  if (file !== undefined) {
    return relaySocket((await readConfig({ schema, fallback: 'relay.yaml', file, env })).config)
  }
  return relaySocket({ socket: undefined, state_folder: schema.shape.state_folder.parse(undefined) })
}

const describe = ({
  state,
  portal,
  port,
  addresses,
  relayed_ports: ports,
  allocations,
  forwarded,
  outcomes,
}: RelayStatus) =>
  [
    table([
      ['state', state],
      ...portalRows(portal),
      ['addresses', Object.values(addresses).join(', ')],
      ['ports', `${port ?? '-'} for clients, ${ports.first} to ${ports.last} for their peers`],
      ['clients', String(allocations)],
      ['forwarded', `${forwarded.datagrams} datagrams, ${forwarded.bytes} bytes`],
    ]),
    ...outcomeTable(outcomes),
  ].join('\n')

const outcomeTable = (outcomes: RelayStatus['outcomes']): string[] => {
  const rows = Object.entries(outcomes)
    .toSorted(([, a], [, b]) => b - a)
    .map(([outcome, count]) => [outcome, String(count)])
  return rows.length === 0 ? [] : ['', table([['OUTCOME', 'COUNT'], ...rows])]
}
