import { Command } from 'commander'
import type { CheckedPlugins } from '../../core/plugin/checked-plugins.ts'
import type { DescribedPlugin } from '../../core/plugin/described-plugin.ts'
import { OperatorError } from '../../core/config/operator-error.ts'
import { checkedHosts, checkedRows, configOption, hostOption, pluginsOfAll, type PluginsOf } from './checked-hosts.ts'
import type { CommandContext } from './context.ts'
import { table } from './output.ts'

/** Builds `portreeve plugin check`, which loads the plugins of a configuration as a host does, and starts nothing. */
export const pluginCheckCommand = ({ env, output }: CommandContext): Command =>
  new Command('check')
    .description('Loads the plugins that a configuration names, as a host does, and prints what each provides.')
    .addOption(configOption())
    .addOption(hostOption())
    .option('--rows', 'read the portal’s database as well; with --host portal')
    .option(
      '--json',
      'print {"plugins":[{"name","version","provides":[{"point","key"}]}]}, with --host also "unused":[{"host","point","key","plugin","why"}]',
    )
    .action(async ({ json, rows, ...of }: PluginsOf & { json?: true; rows?: true }) => {
      if (rows === true && of.host !== 'portal') {
        throw new OperatorError('USAGE', 'only a portal has rows.', 'Add --host portal, or leave --rows out.')
      }
      const checked = rows === true ? [await checkedRows(env, of)] : await checkedHosts(of)
      const plugins = pluginsOfAll(checked)
      // A host that nobody named need not use what another is for.
      const unused = of.host === undefined ? [] : checked.flatMap(unusedBy)
      if (json === true) output.json({ plugins: plugins.map(short), ...(of.host !== undefined && { unused }) })
      else output.print([describe(plugins), ...unused.map(({ host, key, point, plugin, why }) => `The ${host} does not use ${key} of ${point} (${plugin}): ${why}.`)].join('\n')) // prettier-ignore
    })
    .addHelpText(
      'after',
      `
Without --host each kind of host loads them, and none misses what another's configuration has. With --host it says what that host would
say at its start: keys that are missing, ports, points and facts that it does not have; and names what it does not use. What a portal
needs stands in its database: --rows reads that, on the portal's own machine and as its user, and brings it up to date first as a start does.

Examples:
  $ portreeve plugin check --config portal.yaml
  $ portreeve plugin check --config portal.yaml --host portal --rows
  $ portreeve plugin check --config gateway.yaml --host gateway --json`,
    )

const unusedBy = ({ host, unused }: CheckedPlugins) => unused.map((one) => ({ host, ...one }))

const short = ({ name, version, provides }: DescribedPlugin) => ({
  name,
  version,
  provides: provides.map(({ point, key }) => ({ point, key })),
})

const describe = (plugins: readonly DescribedPlugin[]): string => {
  if (plugins.length === 0) return 'The configuration names no plugins.'
  const rows = plugins.flatMap(({ name, version, provides }) =>
    provides.length === 0
      ? [[name, version, '(nothing)', '']]
      : provides.map(({ point, key }) => [name, version, point, key]),
  )
  return table([['PLUGIN', 'VERSION', 'PROVIDES', 'KEY'], ...rows])
}
