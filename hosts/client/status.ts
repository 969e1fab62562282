import type { PluginMetrics } from '../../core/plugin/plugin-metrics.ts'
import type { HostProblem } from '../../core/runtime/host-problems.ts'
import type { ClockPair, Instant } from '../../core/runtime/time.ts'
import { peerPath } from '../peer/peer-path.ts'
import { reachStatus } from '../peer/reach-status.ts'
import type { LaneChoice } from '../runtime/lane/choose-lane.ts'
import { shownUpstream } from './names/upstreams.ts'
import type { ClientStatus } from './session/client-status.ts'
import { unreachableText } from './session/unreachable-text.ts'
import type { ClientState } from './state.ts'

/** Returns the status of a client for people and scripts. */
export const statusOf = (
  state: ClientState,
  {
    clocks,
    account,
    portalUrl,
    deviceKey,
    isUsable,
    lane,
    pluginMetrics,
    problems,
  }: {
    clocks: ClockPair
    account: string | undefined
    portalUrl: string
    deviceKey: string
    isUsable: boolean
    lane: LaneChoice
    pluginMetrics: Pick<PluginMetrics, 'series'>
    problems: readonly HostProblem[]
  },
): ClientStatus => ({
  at: new Date(clocks.unix).toISOString(),
  state: stateOf(state, { isUsable: isUsable && !isBlocked(problems), now: clocks.instant }),
  account: state.signedInAs?.account_slug ?? account ?? null,
  actor: state.signedInAs?.actor_name ?? null,
  portal: { url: portalUrl, problem: state.portalProblem ?? null },
  device_key: deviceKey,
  transport: state.transport,
  problems,
  lane: lane.kind,
  lane_reason: lane.reason,
  reach: reachStatus(state.reach),
  gateways: state.gateways.map(({ id, name }) => ({
    id,
    name: name ?? null,
    ...peerPath(id, { paths: state.paths, own: state.reach, other: 'gateway', clocks }),
  })),
  resources: resourcesOf(state, clocks, problems),
  names: state.findings.status(),
  dns: { upstreams: state.upstreams.map(shownUpstream), problems: state.unusableResolvers.map(({ text }) => text) },
  facts: state.facts.status(),
  plugin_metrics: pluginMetrics.series(),
  dropped: state.counters(),
})

/** Returns the state for people: connected only while applications can use everything that was asked for. */
const stateOf = (state: ClientState, { isUsable, now }: { isUsable: boolean; now: Instant }): ClientStatus['state'] => {
  if (state.linkState !== 'connected') return state.linkState
  if (!isUsable || state.transport.problem !== null) return 'connecting'
  const isLost = state.gateways.some(({ lostAt }) => lostAt !== undefined)
  return isLost || state.resources.status(now).some((one) => one.state === 'unreachable') ? 'limited' : 'connected'
}

const isBlocked = (problems: readonly HostProblem[]): boolean => problems.some(({ blocks }) => blocks)

/**
 * Returns the state of all resources; none is shown as connected while the transport does not carry packets, or a
 * problem of the machine keeps them from it.
 */
const resourcesOf = (
  state: ClientState,
  clocks: ClockPair,
  problems: readonly HostProblem[],
): ClientStatus['resources'] => {
  const resources = state.resources.status(clocks.instant)
  if (state.carries && !isBlocked(problems)) return resources
  const reason = state.carries ? 'machine-problem' : 'transport-failing'
  const unreachable = 'unreachable' as const
  const nameOf = new Map(state.gateways.map(({ id, name }) => [id, name]))
  return resources.map((resource) =>
    resource.state === 'connected'
      ? { ...resource, state: unreachable, reason, why: unreachableText(reason, nameOf.get(resource.gateway_id ?? '')) }
      : resource,
  )
}
