import { fromReleased, type WireResolver } from '../../../core/control/released-resolvers.ts'
import type { ClientInterface } from '../../../core/control/messages.ts'
import type { Extension, Extensions } from '../../../core/contract/extension-point.ts'
import type { UpstreamResolver } from '../../../core/contract/upstream-resolver.ts'
import type { Upstream } from '../../../core/dns/upstream-queries.ts'
import { pathOf } from '../../../core/config/parse-config.ts'
import { ownMachineIn } from '../../../core/net/own-machine.ts'
import { discoverServers, upstreamName } from '../../../core/plugin/ask-resolver.ts'
import type { ChosenResolver } from '../../../core/plugin/chosen-resolvers.ts'
import { visibleCharacters } from '../../../core/plugin/visible-characters.ts'
import type { PluginFailed } from '../../../core/plugin/plugin-log.ts'
import type { Endpoint } from '../../../core/runtime/endpoint.ts'

/** Kind of the system's servers when asked for the portal's name: outside the tunnel and without a plugin (T8). */
export const BYPASS = 'bypass'

/** Resolver that the account names and this client does not ask. */
export interface UnusableResolver {
  /** Key of its plugin. */
  resolver: string
  reason: 'no-plugin' | 'settings-refused' | 'own-machine'
  /** Explanation for people: which resolver, why it is not asked, and what to do. */
  text: string
}

/** Makes an upstream of a resolver that the account names, or says why this client cannot ask it. Pure. */
export type ReadUpstream = (resolver: WireResolver) => Upstream | UnusableResolver

/**
 * Returns the upstreams for names that belong to no resource: the account's resolvers in its order and then, unless one
 * of these is for all names, those of the client's own configuration. Resolvers that this client cannot ask are listed
 * apart.
 */
export const upstreamsOf = (
  configuration: ClientInterface,
  { read, own }: { read: ReadUpstream; own: readonly Upstream[] },
): { upstreams: Upstream[]; unusable: UnusableResolver[] } => {
  const account: Upstream[] = []
  const unusable: UnusableResolver[] = []
  for (const resolver of configuration.upstream_resolvers ?? fromReleased(configuration)) {
    const upstream = read(resolver)
    if ('reason' in upstream) unusable.push(upstream)
    else account.push(upstream)
  }
  const upstreams = account.some(({ match }) => match === undefined) ? account : [...account, ...own]
  return { upstreams, unusable }
}

/** Reads the account's resolvers by the plugins of this client. Their schemas validate the settings again: the portal is not trusted. */
export const upstreamReader =
  (extensions: Extensions<UpstreamResolver>): ReadUpstream =>
  ({ type, settings, match }) => {
    const extension = extensions.get(type)
    if (extension === undefined) {
      const loaded = [...extensions.keys()].join(', ') || 'none'
      return unusable(type, 'no-plugin', `no plugin of this client provides it; those there are provide: ${loaded}. Add its plugin to plugins in client.yaml`) // prettier-ignore
    }
    const verdict = extension.settings.safeParse(settings)
    if (!verdict.ok) {
      const [{ path, message } = { path: '', message: 'not valid' }] = verdict.problems
      return unusable(type, 'settings-refused', `its plugin here, ${extension.plugin} ${extension.version}, refuses the settings that the account has for it: ${path}: ${message}. Use the same version of the plugin at client and portal`) // prettier-ignore
    }
    const ownMachine = ownMachineIn(verdict.settings)
    if (ownMachine !== undefined) {
      return unusable(type, 'own-machine', `${pathOf(['settings', ...ownMachine])} is this machine itself, which only its own client.yaml may name in resolvers`) // prettier-ignore
    }
    const name = upstreamName(extension, verdict.settings)
    return { kind: type, settings: verdict.settings, name, ...(match && { match }) }
  }

const unusable = (resolver: string, reason: UnusableResolver['reason'], why: string): UnusableResolver => {
  const shown = JSON.stringify(resolver.slice(0, 64))
  return { resolver, reason, text: visibleCharacters(`The account's resolver ${shown} is not asked: ${why}.`) }
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
