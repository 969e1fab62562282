import { Command } from 'commander'
import { askGatewayStatus, gatewaySocket } from '../gateway/control-socket.ts'
import type { ClientPath, GatewayStatus } from '../gateway/gateway-status.ts'
import type { AskOptions } from './ask.ts'
import { gatewaySchema } from './config-schemas.ts'
import type { CommandContext } from './context.ts'
import { droppedTable, metricsTable, portalRows, problemLines, reachRows, table, transportRows } from './output.ts'
import { pathLine } from './path-line.ts'
import { printStatus } from './print-status.ts'
import { readConfig } from './read-config.ts'

/**
 * Builds `portreeve gateway status`, which shows the running gateway's state; the exit code says whether it is
 * connected.
 */
export const gatewayStatusCommand = (context: CommandContext): Command =>
  new Command('status')
    .description('Shows the state of the running gateway, and what it dropped and why.')
    .option('-c, --config <file>', 'the gateway’s configuration')
    .option('--json', 'print one JSON document')
    .action(async (_, command: Command) => {
      printStatus(await gatewayStatus(command, context), { command, context, describe })
    })
    .addHelpText(
      'after',
      `
Ends with 0 where it is connected to the portal, 4 where the portal, or the gateway itself, cannot be reached, or the tunnel
transport plugin fails, or a problem of this machine keeps packets from passing.
A client's line says how its packets come (direct, direct through NAT, relayed), the round trip, what was lost of the last hundred checks of the path, and how much went through.

Examples:
  $ portreeve gateway status --config gateway.yaml
  $ portreeve gateway status --json | jq .dropped
  $ portreeve gateway status --json | jq '.peers[] | select(.path_kind == "relayed") | {actor, relay, not_direct}'`,
    )

/**
 * Asks the running gateway that a command's options or the environment name.
 * @throws OperatorError GATEWAY_NOT_RUNNING and those of the configuration
 */
export const gatewayStatus = async (command: Command, { env }: Pick<CommandContext, 'env'>): Promise<GatewayStatus> => {
  // The parent command has a --config as well, and commander assigns it the option given after the subcommand.
  const { config: file } = command.optsWithGlobals<AskOptions>()
  const named = file === undefined ? env['PORTREEVE_SOCKET'] : undefined
  return askGatewayStatus(named ?? (await socketOf(file, env)))
}

/** Returns the path of the gateway's socket according to the configuration, or the default path if there is none. */
const socketOf = async (file: string | undefined, env: NodeJS.ProcessEnv): Promise<string> => {
  const schema = await gatewaySchema()
  if (file !== undefined) {
    return gatewaySocket((await readConfig({ schema, fallback: 'gateway.yaml', file, env })).config)
  }
  return gatewaySocket({ socket: undefined, state_folder: schema.shape.state_folder.parse(undefined) })
}

const describe = ({
  at,
  state,
  portal,
  transport,
  problems,
  lane,
  lane_reason: why,
  reach,
  clients,
  peers,
  plugin_metrics: metrics,
  dropped,
}: GatewayStatus): string =>
  [
    table([
      ['state', state],
      ...portalRows(portal),
      ...transportRows(transport),
      ['lane', `${lane}: ${why}`],
      ...reachRows(reach),
      ['clients', String(clients)],
    ]),
    ...problemLines(problems),
    ...clientLines(peers, { at, clients }),
    ...metricsTable(metrics),
    ...droppedTable(dropped),
  ].join('\n')

/** Most clients that people are shown; `--json` has more. */
const MAX_SHOWN = 50

const clientLines = (peers: readonly ClientPath[], { at, clients }: { at: string; clients: number }): string[] => {
  const rows = peers.slice(0, MAX_SHOWN).map((peer) => [peer.actor ?? peer.id, peer.address, pathLine(peer, at)])
  const more = clients - rows.length
  return rows.length === 0
    ? []
    : ['', table([['CLIENT OF', 'ADDRESS', 'PATH'], ...rows]), ...(more > 0 ? [`and ${more} more: --json`] : [])]
}
