import type { PluginMetrics } from '../../core/plugin/plugin-metrics.ts'
import { unixOf, type ClockPair } from '../../core/runtime/time.ts'
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
  }: {
    clocks: ClockPair
    account: string | undefined
    portalUrl: string
    deviceKey: string
    isUsable: boolean
    lane: LaneChoice
    pluginMetrics: Pick<PluginMetrics, 'series'>
  },
): ClientStatus => ({
  // The client is shown as connected only once applications can use it.
  state:
    state.linkState === 'connected' && (!isUsable || state.transport.problem !== null) ? 'connecting' : state.linkState,
  account: state.signedInAs?.account_slug ?? account ?? null,
  actor: state.signedInAs?.actor_name ?? null,
  portal: { url: portalUrl, problem: state.portalProblem ?? null },
  device_key: deviceKey,
  transport: state.transport,
  lane: lane.kind,
  lane_reason: lane.reason,
  gateways: state.gateways.map(({ id, name, path, handshakeAt }) => ({
    id,
    name: name ?? null,
    path: path ?? null,
    mtu: state.mtuTo(id),
    last_handshake: handshakeAt === undefined ? null : new Date(unixOf(handshakeAt, clocks)).toISOString(),
  })),
  resources: resourcesOf(state, clocks),
  names: state.findings.status(),
  dns: { upstreams: state.upstreams.map(shownUpstream), problems: state.unusableResolvers.map(({ text }) => text) },
  facts: state.facts.status(),
  plugin_metrics: pluginMetrics.series(),
  dropped: state.counters(),
})

/** Returns the state of all resources; none is shown as connected while the transport does not carry packets. */
const resourcesOf = (state: ClientState, clocks: ClockPair): ClientStatus['resources'] => {
  const resources = state.resources.status(clocks.instant)
  if (state.carries) return resources
  const [reason, unreachable] = ['transport-failing', 'unreachable'] as const
  const nameOf = new Map(state.gateways.map(({ id, name }) => [id, name]))
  return resources.map((resource) =>
    resource.state === 'connected'
      ? { ...resource, state: unreachable, reason, why: unreachableText(reason, nameOf.get(resource.gateway_id ?? '')) }
      : resource,
  )
}
