import { Command, Option } from 'commander'
import { z } from 'zod'
import { parseConfig, PluginEntry } from '../../core/config/parse-config.ts'
import type { HostKind } from '../../core/plugin/define-plugin.ts'
import type { InstalledPlugin } from '../../core/plugin/install-plugins.ts'
import { packageVersion } from '../runtime/process/package-root.ts'
import type { CommandContext } from './context.ts'
import { table } from './output.ts'
import { readYaml } from './read-config.ts'

interface Options {
  config: string
  host?: HostKind
  json?: true
}

/** Builds `portreeve plugin check`, which loads the plugins of a configuration as a host does, and starts nothing. */
export const pluginCheckCommand = ({ output }: CommandContext): Command =>
  new Command('check')
    .description('Loads the plugins that a configuration names, as a host does, and prints what each provides.')
    .requiredOption('-c, --config <file>', 'a configuration of a portal, a gateway or a client')
    .addOption(new Option('--host <kind>', 'the host that is to load them; by default each of them').choices(HOSTS))
    .option('--json', 'print {"plugins":[{"name","version","provides":[{"point","key"}]}]}')
    .action(async ({ config: file, host, json }: Options) => {
      const { plugins: entries } = parseConfig(Plugins, await readYaml(file), file)
      const plugins = await check(entries, { file, hosts: host === undefined ? HOSTS : [host] })
      if (json === true) output.json({ plugins })
      else output.print(describe(plugins))
    })
    .addHelpText(
      'after',
      `
Examples:
  $ portreeve plugin check --config portal.yaml
  $ portreeve plugin check --config portal.yaml --host portal --json`,
    )

const HOSTS: readonly HostKind[] = ['portal', 'client', 'gateway']

/** Schema of the configuration's plugins; other settings are ignored. */
const Plugins = z.object({ plugins: z.array(PluginEntry).default([]) })

/** Installs the plugins as each of the hosts would. Returns each plugin with all that it provides to any of them. */
const check = async (
  entries: readonly PluginEntry[],
  { file, hosts }: { file: string; hosts: readonly HostKind[] },
): Promise<readonly InstalledPlugin[]> => {
  const [
    { installPlugins },
    { withFaultsLogged },
    { loadPlugins },
    { createLogger },
    { createPluginModules },
    { createPluginContainer },
  ] = await Promise.all([
    import('../../core/plugin/install-plugins.ts'),
    import('../../core/plugin/host-plugins.ts'),
    import('../../core/plugin/load-plugins.ts'),
    import('../runtime/index.ts'),
    import('../runtime/plugin-modules.ts'),
    import('./plugin-container.ts'),
  ])
  const modules = createPluginModules(file)
  const { folder } = modules
  const contexts = hosts.map((host) => ({ folder, host, hostVersion: packageVersion() }))
  const installed = await withFaultsLogged(createLogger({ level: 'warn' }), async () => {
    const uses = await loadPlugins(entries, modules, contexts)
    return contexts.map((context) => {
      const { container, points } = createPluginContainer(context.host, folder)
      return installPlugins(container, points, uses, context).plugins
    })
  })
  const [first = []] = installed
  return first.map((plugin, index) => {
    const provided = installed.flatMap((plugins) => plugins[index]?.provides ?? [])
    const distinct = new Map(provided.map((each) => [`${each.point} ${each.key}`, each]))
    return { ...plugin, provides: [...distinct.values()] }
  })
}

const describe = (plugins: readonly InstalledPlugin[]): string => {
  if (plugins.length === 0) return 'The configuration names no plugins.'
  const rows = plugins.flatMap(({ name, version, provides }) =>
    provides.length === 0
      ? [[name, version, '(nothing)', '']]
      : provides.map(({ point, key }) => [name, version, point, key]),
  )
  return table([['PLUGIN', 'VERSION', 'PROVIDES', 'KEY'], ...rows])
}
