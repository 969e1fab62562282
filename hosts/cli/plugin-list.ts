import { Command } from 'commander'
import type { DescribedExtension, DescribedPlugin } from '../../core/plugin/described-plugin.ts'
import { checkedHosts, configOption, hostOption, pluginsOfAll, type PluginsOf } from './checked-hosts.ts'
import type { CommandContext } from './context.ts'
import { table } from './output.ts'

/** Builds `portreeve plugin list`, which shows the plugins of a configuration as `GET /api/v1/plugins` does. */
export const pluginListCommand = ({ output }: CommandContext): Command =>
  new Command('list')
    .description('Shows the plugins that a configuration names: what they provide, read and bring.')
    .addOption(configOption())
    .addOption(hostOption())
    .option('--json', 'print {"plugins":[…]}, each as GET /api/v1/plugins of a portal has it')
    .action(async ({ json, ...of }: PluginsOf & { json?: true }) => {
      const plugins = pluginsOfAll(await checkedHosts(of))
      if (json === true) output.json({ plugins })
      else output.print(plugins.length === 0 ? 'The configuration names no plugins.' : plugins.map(shown).join('\n\n'))
    })
    .addHelpText(
      'after',
      `
Examples:
  $ portreeve plugin list --config portal.yaml
  $ portreeve plugin list --config client.yaml --host client --json`,
    )

const shown = ({ name, version, package: from, description, provides }: DescribedPlugin): string =>
  [
    `${name} ${version}, ${from}`,
    ...(description === null ? [] : [`  ${description}`]),
    ...table(provides.map((one) => [`  ${one.point}`, one.key, ...words(one)])).split('\n'),
  ].join('\n')

const words = ({ settings, reads, brings }: DescribedExtension): string[] => {
  const names = Object.keys(settings?.['properties'] ?? {})
  return [
    [
      ...(names.length === 0 ? [] : [`settings ${names.join(', ')}`]),
      ...(reads.length === 0 ? [] : [`reads ${reads.map(({ name }) => name).join(', ')}`]),
      ...(brings === null ? [] : [`brings ${brings.name}`]),
    ].join(' · '),
  ]
}
