import { Command } from 'commander'
import type { ClientStatus, GatewayStatus, ResourceState } from '../client/session/client-status.ts'
import { ask, type AskOptions } from './ask.ts'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'
import { visibleLine } from '../runtime/visible-text.ts'
import { droppedTable, metricsTable, portalRows, problemLines, reachRows, table, transportRows } from './output.ts'

/**
 * Builds `portreeve client status`, which shows the running client's state; the exit code says whether it is connected.
 */
export const clientStatusCommand = (context: CommandContext): Command =>
  new Command('status')
    .description('Shows state, gateways and resources of the running client.')
    .option('-c, --config <file>', 'the client’s configuration')
    .option('--json', 'print one JSON document')
    .action(async (options: AskOptions) => {
      const status = (await ask('status', options, context)) as ClientStatus
      if (options.json === true) context.output.json(status)
      else context.output.print(describe(status))
      context.exit(isUsable(status) ? CODES[status.state] : ExitCode.unreachable)
    })
    .addHelpText(
      'after',
      `
Ends with 0 where it is connected, 3 signed out, 4 where the portal, a resource that somebody wants, or the client itself is not reached,
and where the tunnel transport plugin fails or a problem of this machine keeps names or packets from passing.
A resource is connecting while it is granted and a way to its gateway is looked for, connected once packets pass, and unreachable
where they do not: what to look at stands below the table.
Facts that plugins find out about this machine are listed with whether the portal is told: it is told those that its own plugins ask for.

Examples:
  $ portreeve client status
  $ portreeve client status --json | jq '.resources[] | {name, state, reason}'`,
    )

/** Whether no requested resource is still waiting or unreachable; a denied one counts as usable. */
const isUsable = ({ resources }: ClientStatus): boolean => resources.every(({ state }) => !WAITING.has(state))

const WAITING: ReadonlySet<ResourceState> = new Set(['requested', 'connecting', 'unreachable'])

const CODES = {
  connected: ExitCode.done,
  signed_out: ExitCode.signedOut,
  connecting: ExitCode.unreachable,
  unreachable: ExitCode.unreachable,
} as const

/** Describes the kind of a path to people. */
export const pathKind = (kind: GatewayStatus['path_kind']): string =>
  kind === null ? '-' : kind === 'direct' ? 'direct' : 'direct through NAT'

const describe = (status: ClientStatus): string => {
  const {
    state,
    portal,
    account,
    actor,
    device_key: deviceKey,
    transport,
    problems,
    lane,
    lane_reason: why,
    reach,
    gateways,
    resources,
    names,
    dns,
    facts,
    plugin_metrics: metrics,
    dropped,
  } = status
  return [
    table([
      ['state', state],
      ...(portal === null ? [] : portalRows(portal)),
      ['account', account ?? '-'],
      ['actor', actor ?? '-'],
      ['device key', deviceKey ?? '-'],
      ...(transport === null ? [] : transportRows(transport)),
      ['lane', lane === null ? '-' : `${lane}: ${why ?? ''}`],
      ...(reach === null ? [] : reachRows(reach)),
      ['upstream DNS', dns.upstreams.join(', ') || '-'],
    ]),
    ...problemLines(problems),
    '',
    table([
      ['GATEWAY', 'PATH', 'BY', 'ROUND TRIP', 'MTU', 'LAST HANDSHAKE'],
      ...gateways.map(({ id, name, path, path_kind, round_trip_ms, mtu, last_handshake }) => [
        name ?? id,
        path ?? '-',
        pathKind(path_kind),
        round_trip_ms === null ? '-' : `${round_trip_ms.toFixed(1)} ms`,
        String(mtu),
        last_handshake ?? '-',
      ]),
    ]),
    '',
    table([
      ['RESOURCE', 'ADDRESS', 'STATE', 'WHY'],
      ...resources.map(({ name, address, state: now, reason }) => [name, address ?? '-', now, reason ?? '']),
    ]),
    ...resources.flatMap(({ name, why }) =>
      why.length === 0 ? [] : ['', `${visibleLine(name)}: ${why[0] ?? ''}`, ...why.slice(1).map((line) => `  ${line}`)],
    ),
    ...(dns.problems.length === 0 ? [] : ['', ...dns.problems]),
    ...(names.length === 0 ? [] : ['', 'Names that a site has trouble with:', ...names.map(({ why }) => `  ${why}`)]),
    ...(facts.length === 0
      ? []
      : [
          '',
          table([
            ['FACT OF THIS MACHINE', 'VALUE', 'TOLD TO THE PORTAL'],
            ...facts.map(({ name, value, is_told }) => [name, JSON.stringify(value), is_told ? 'yes' : 'no']),
          ]),
        ]),
    ...metricsTable(metrics),
    ...droppedTable(dropped),
  ].join('\n')
}
