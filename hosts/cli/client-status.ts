import { Command, Option } from 'commander'
import type { ClientStatus, ResourceState, ResourceStatus } from '../client/session/client-status.ts'
import { ask, type AskOptions } from './ask.ts'
import { clientStatusText } from './client-status-text.ts'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'
import { RESOURCE_STATES } from './peer-metrics.ts'

/**
 * Builds `portreeve client status`, which shows the running client's state; the exit code says whether it is connected.
 */
export const clientStatusCommand = (context: CommandContext): Command =>
  new Command('status')
    .description('Shows state, gateways and resources of the running client.')
    .argument('[word]', 'show only resources with this in their name or address')
    .addOption(new Option('-s, --state <state>', 'show only resources in this state').choices(RESOURCE_STATES))
    .option('-c, --config <file>', 'the client’s configuration')
    .option('--json', 'print one JSON document')
    .action(async (word: string | undefined, options: AskOptions & { state?: ResourceState }) => {
      const status = (await ask('status', options, context)) as ClientStatus
      const shown = { ...status, resources: status.resources.filter(isWanted(word, options.state)) }
      if (options.json === true) context.output.json(shown)
      else context.output.print(clientStatusText(shown, status.resources))
      context.exit(isUsable(status) ? CODES[status.state] : ExitCode.unreachable)
    })
    .addHelpText(
      'after',
      `
Ends with 0 where it is connected, 3 signed out, 4 where the portal, a resource that somebody wants, or the client itself is not reached,
and where the tunnel transport plugin fails or a problem of this machine keeps names or packets from passing.
The state is limited where the portal is reached, and a gateway or a resource that was asked for is not.
A gateway's line says how packets get there (direct, direct through NAT, relayed), the round trip, what was lost of the last hundred checks of the path, and how much went through.
A resource is connecting while it is granted and a way to its gateway is looked for, connected once packets pass, and unreachable
where they do not: what to look at stands below the table.
Facts that plugins find out about this machine are listed with whether the portal is told: it is told those that its own plugins ask for.

Examples:
  $ portreeve client status
  $ portreeve client status gitlab
  $ portreeve client status --state unreachable
  $ portreeve client status --json | jq '.resources[] | {name, state, reason}'`,
    )

/** Makes a filter of resources: the name or the address has the word, and the state is this one. */
const isWanted = (word: string | undefined, state: ResourceState | undefined) => (resource: ResourceStatus) =>
  (state === undefined || resource.state === state) &&
  (word === undefined || `${resource.name} ${resource.address ?? ''}`.toLowerCase().includes(word.toLowerCase()))

/** Whether no requested resource is still waiting or unreachable; a denied one counts as usable. */
const isUsable = ({ resources }: ClientStatus): boolean => resources.every(({ state }) => !WAITING.has(state))

const WAITING: ReadonlySet<ResourceState> = new Set(['requested', 'connecting', 'unreachable'])

const CODES = {
  connected: ExitCode.done,
  limited: ExitCode.unreachable,
  signed_out: ExitCode.signedOut,
  connecting: ExitCode.unreachable,
  unreachable: ExitCode.unreachable,
} as const
