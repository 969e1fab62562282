import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { DescribedExtension } from '../../core/plugin/described-plugin.ts'
import { checkedHosts, configOption, hostOption, pluginsOfAll, type PluginsOf } from './checked-hosts.ts'
import type { CommandContext } from './context.ts'

/** Builds `portreeve plugin schema`, which prints the JSON Schema of the settings of one implementation. */
export const pluginSchemaCommand = ({ output }: CommandContext): Command =>
  new Command('schema')
    .description(
      'Prints the JSON Schema of the settings that a plugin takes under a key; secrets have "writeOnly": true.',
    )
    .argument('<key>', 'the key, or POINT/KEY where several extension points have it')
    .addOption(configOption())
    .addOption(hostOption())
    .option('--json', 'print it on one line')
    .action(async (wanted: string, { json, ...of }: PluginsOf & { json?: true }) => {
      const all = pluginsOfAll(await checkedHosts(of)).flatMap(({ provides }) => provides)
      const { point, key, settings } = chosen(all, wanted)
      if (settings === null) {
        throw new OperatorError('USAGE', `${key} of ${point} has no settings: such plugins have only the config of the host's file.`) // prettier-ignore
      }
      if (json === true) output.json(settings)
      else output.print(JSON.stringify(settings, undefined, 2))
    })
    .addHelpText(
      'after',
      `
Examples:
  $ portreeve plugin schema remote-ip --config portal.yaml
  $ portreeve plugin schema policy-conditions/on-call --config portal.yaml --json`,
    )

const chosen = (all: readonly DescribedExtension[], wanted: string): DescribedExtension => {
  const name = ({ point, key }: DescribedExtension): string => `${point}/${key}`
  const named = all.filter((one) => one.key === wanted || name(one) === wanted)
  // A fact source and the condition that reads its fact often share a key; only one of them has settings.
  const found = named.length > 1 ? named.filter(({ settings }) => settings !== null) : named
  const [first, ...others] = found
  if (first !== undefined && others.length === 0) return first
  const [what, listed] =
    first === undefined
      ? [`no plugin of the configuration provides ${wanted}`, all]
      : [`several extension points have ${wanted}`, found]
  throw new OperatorError('USAGE', `${what}.`, `Write one of: ${listed.map(name).join(', ') || 'none is there'}.`)
}
