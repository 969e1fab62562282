import { fromReleased, type WireResolver } from '../../../core/control/released-resolvers.ts'
import type { ClientInterface } from '../../../core/control/messages.ts'
import type { Extension, Extensions } from '../../../core/contract/extension-point.ts'
import type { UpstreamResolver } from '../../../core/contract/upstream-resolver.ts'
import type { Upstream } from '../../../core/dns/upstream-queries.ts'
import { discoverServers, upstreamName } from '../../../core/plugin/ask-resolver.ts'
import type { ChosenResolver } from '../../../core/plugin/chosen-resolvers.ts'
import type { PluginFailed } from '../../../core/plugin/plugin-log.ts'
import type { Endpoint } from '../../../core/runtime/endpoint.ts'

/** Kind of the system's servers when asked for the portal's name: outside the tunnel and without a plugin (T8). */
export const BYPASS = 'bypass'

/** Makes an upstream of a resolver that the account names; undefined if no plugin takes it. Pure. */
export type ReadUpstream = (resolver: WireResolver) => Upstream | undefined

/**
 * Returns the upstreams for names that belong to no resource: the account's resolvers in its order and then, unless one
 * of these is for all names, those of the client's own configuration. Leaves out resolvers that no plugin of this client
 * takes.
 */
export const upstreamsOf = (
  configuration: ClientInterface,
  { read, own }: { read: ReadUpstream; own: readonly Upstream[] },
): Upstream[] => {
  const account = (configuration.upstream_resolvers ?? fromReleased(configuration)).flatMap(
    (resolver) => read(resolver) ?? [],
  )
  return account.some(({ match }) => match === undefined) ? account : [...account, ...own]
}

/** Reads the account's resolvers by the plugins of this client. Their schemas validate the settings again: the portal is not trusted. */
export const upstreamReader =
  (extensions: Extensions<UpstreamResolver>): ReadUpstream =>
  ({ type, settings, match }) => {
    const extension = extensions.get(type)
    const verdict = extension?.settings.safeParse(settings)
    if (extension === undefined || verdict?.ok !== true) return undefined
    const name = upstreamName(extension, verdict.settings)
    return { kind: type, settings: verdict.settings, name, ...(match && { match }) }
  }

/**
 * Lists the upstreams of the client's own configuration: each server that a plugin discovers is one. `failuresOf` returns
 * what logs the failures of a plugin.
 */
export const ownUpstreams = (
  resolvers: readonly ChosenResolver[],
  failuresOf?: (extension: Extension<UpstreamResolver>) => PluginFailed,
): Upstream[] =>
  resolvers.flatMap(({ extension, settings, match }): Upstream[] => {
    const upstream = { kind: extension.key, settings, ...(match && { match }) }
    const servers = discoverServers(extension.value, settings, failuresOf?.(extension))
    if (servers === undefined) return [{ ...upstream, name: upstreamName(extension, settings) }]
    return servers.map((server) => ({ ...upstream, server, name: server }))
  })

/** Upstreams that are the system's own servers, asked around the tunnel. */
export const bypassingUpstreams = (servers: readonly Endpoint[]): Upstream[] =>
  servers.map((server) => ({ kind: BYPASS, settings: {}, server, name: server }))

/** Names an upstream for people, with the domains that it is asked for. */
export const shownUpstream = ({ name, match }: Upstream): string =>
  match === undefined ? name : `${name} for ${match.join(' ')}`
