import type { ClientStatus, GatewayStatus, ResourceStatus } from '../client/session/client-status.ts'
import { visibleLine } from '../runtime/visible-text.ts'
import { droppedTable, metricsTable, portalRows, problemLines, reachRows, table, transportRows } from './output.ts'
import { pathLine } from './path-line.ts'

/** Describes a client's status to people. Shows the resources that it has, and counts `all`. */
export const clientStatusText = (status: ClientStatus, all: readonly ResourceStatus[]): string => {
  const {
    at,
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
      ['state', state === 'limited' ? limitedText(gateways, all) : state],
      ['resources', summary(all)],
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
    table([['GATEWAY', 'PATH'], ...gateways.map((gateway) => [gateway.name ?? gateway.id, pathLine(gateway, at)])]),
    ...gateways.flatMap(({ id, name, not_direct: why }) =>
      why === null ? [] : [`  ${visibleLine(name ?? id)} is not reached directly: ${visibleLine(why.said)}`],
    ),
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

/** Counts resources by their state, those that need attention first. */
const summary = (resources: readonly ResourceStatus[]): string => {
  const counts = ORDER.map((state) => ({ state, count: resources.filter((one) => one.state === state).length }))
  const parts = counts.flatMap(({ state, count }) => (count === 0 ? [] : `${count} ${state}`))
  return resources.length === 0 ? 'none' : `${parts.join(', ')} (${resources.length} in all)`
}

/** Names what a limited client does not reach though it was asked for. */
const limitedText = (gateways: readonly GatewayStatus[], all: readonly ResourceStatus[]): string => {
  const lost = gateways.flatMap(({ id, name, lost_at: at }) => (at === null ? [] : (name ?? id)))
  const count = all.filter(({ state }) => state === 'unreachable').length
  const parts = [
    ...(lost.length === 0 ? [] : [`${lost.length === 1 ? 'gateway' : 'gateways'} ${lost.join(', ')}`]),
    ...(count === 0 ? [] : [`${count} ${count === 1 ? 'resource' : 'resources'}`]),
  ]
  if (parts.length === 0) return 'limited'
  return `limited: ${parts.join(' and ')} ${lost.length + count === 1 ? 'is' : 'are'} not reached`
}

const ORDER = ['unreachable', 'denied', 'connecting', 'requested', 'connected', 'idle'] as const
