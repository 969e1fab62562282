import { Option } from 'commander'
import { z } from 'zod'
import { hostConfig, peerConfig } from '../../core/config/host-config.ts'
import { parseConfig } from '../../core/config/parse-config.ts'
import type { CheckedPlugins } from '../../core/plugin/checked-plugins.ts'
import { HOST_KINDS, type HostKind } from '../../core/plugin/define-plugin.ts'
import { describedPlugins, type DescribedPlugin } from '../../core/plugin/described-plugin.ts'
import { withFaultsLogged } from '../../core/plugin/host-plugins.ts'
import { PortalConfig } from '../portal/config.ts'
import { createLogger } from '../runtime/index.ts'
import { createPluginModules } from '../runtime/plugin-modules.ts'
import { packageVersion } from '../runtime/process/package-root.ts'
import { readPortalStart } from './portal-start.ts'
import { readYaml } from './read-config.ts'

/** Options of commands that load the plugins of a configuration. */
export interface PluginsOf {
  config: string
  host?: HostKind
}

/** Builds the option `--config` of such a command. */
export const configOption = (): Option =>
  new Option('-c, --config <file>', 'a configuration of a portal, a gateway or a client').makeOptionMandatory()

/** Builds the option `--host` of such a command. */
export const hostOption = (): Option =>
  new Option('--host <kind>', 'the host that is to load them; by default each of them').choices(HOST_KINDS)

/** Settings of a configuration that plugins depend on; all others are ignored. */
const Settings = z.object({
  plugins: hostConfig.plugins,
  transport: peerConfig.transport,
  resolvers: peerConfig.resolvers,
  private_networks: PortalConfig.shape.private_networks,
  proxy_resolves_names: PortalConfig.shape.proxy_resolves_names,
})

/**
 * Loads the plugins of a configuration as the named host does, or as each does if none is named: then a file of one kind of host
 * may lack what another cannot do without.
 * @throws OperatorError that the host would stop with
 */
export const checkedHosts = async ({ config: file, host }: PluginsOf): Promise<CheckedPlugins[]> => {
  const settings = parseConfig(Settings, await readYaml(file), file)
  const modules = createPluginModules(file)
  const hostVersion = packageVersion()
  const hosts = host === undefined ? HOST_KINDS : [host]
  const contexts = hosts.map((kind) => ({ folder: modules.folder, host: kind, hostVersion }))
  await withFaultsLogged(createLogger({ level: 'warn' }), () => modules.rehearse(settings.plugins, contexts))
  const config = {
    ...settings,
    log_level: 'warn' as const,
    ca_file: undefined,
    dns: 'none' as const,
    state_folder: '.',
  }
  // One rehearsal serves all hosts.
  const options = { config, modules: { ...modules, rehearse: () => Promise.resolve() }, version: hostVersion }
  const checked: CheckedPlugins[] = []
  const isOwn = host !== undefined
  for (const kind of hosts) {
    if (kind === 'portal') {
      const { checkPortalPlugins } = await import('../portal/check-plugins.ts')
      checked.push(await checkPortalPlugins(options))
    } else if (kind === 'client') {
      const { checkClientPlugins } = await import('../client/check-plugins.ts')
      checked.push(await checkClientPlugins(options, { isOwn }))
    } else {
      const { checkGatewayPlugins } = await import('../gateway/check-plugins.ts')
      checked.push(await checkGatewayPlugins(options, { isOwn }))
    }
  }
  return checked
}

/**
 * Loads the plugins of a portal's configuration as a portal does, and reads the rows of its database.
 * @throws OperatorError that the portal would stop with; PLUGIN_MISSING for what rows need
 */
export const checkedRows = async (env: NodeJS.ProcessEnv, { config: file }: PluginsOf): Promise<CheckedPlugins> => {
  const start = await readPortalStart(env, file)
  const { checkPortalRows } = await import('../portal/check-plugins.ts')
  return checkPortalRows({ ...start, config: { ...start.config, log_level: 'warn' } })
}

/** Describes each plugin with all that it provides to any of the hosts that have loaded it. */
export const pluginsOfAll = (checked: readonly CheckedPlugins[]): DescribedPlugin[] => {
  const lists = checked.map(({ installation }) => describedPlugins(installation))
  return (lists[0] ?? []).map((plugin, index) => {
    const provided = lists.flatMap((plugins) => plugins[index]?.provides ?? [])
    const distinct = new Map(provided.map((each) => [`${each.point} ${each.key}`, each]))
    return { ...plugin, provides: [...distinct.values()] }
  })
}
