import { dirname, resolve } from 'node:path'
import { Command } from 'commander'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'
import { readYaml } from './read-config.ts'
import { untilSignal } from './until-signal.ts'

interface Options {
  plugins?: string
  once?: true
  json?: true
  keep?: true
}

/** Builds `portreeve lab`, which runs the whole system on this machine. */
export const labCommand = (context: CommandContext): Command =>
  new Command('lab')
    .argument('[scenario]', 'what to walk through: story, or plugins (the default with --plugins), or another')
    .option('--plugins <file>', 'load the plugins of this file, a YAML file, and use them as it says')
    .option('--once', 'end after the story instead of staying')
    .option('--json', 'print one JSON document {"ok","steps"} as the last line')
    .option('--keep', 'keep the run’s folder with configuration and logs')
    .action(async (scenario: string | undefined, options: Options) => {
      const { runLab } = await import('../lab/main.ts')
      const brought = options.plugins === undefined ? undefined : await readPlugins(options.plugins)
      const ok = await runLab({
        scenario,
        ...(brought && { brought }),
        once: options.once === true,
        json: options.json === true,
        keepFiles: options.keep === true,
        output: context.output,
        ending: untilSignal(),
      })
      context.exit(ok ? ExitCode.done : ExitCode.failed)
    })
    .addHelpText(
      'after',
      `
Other scenarios have gateway and client behind routers that translate addresses: cloud-nat (1:1), port-forward, double-nat (both let
only answers in, at ports that nobody knows before: packets go by the portal's relay).
In roam client and gateway change their addresses and networks under an open connection; in nat64 the client has IPv6 only and all
others IPv4 (needs tayga and unbound); in udp-blocked the client's router drops all UDP, and a relay's WebSocket carries the packets.
In packet-loss the client's cable loses a fifth of all packets in each direction.

The file of --plugins. Packages are found from its folder, and relative paths in it start there. All keys are optional:
  plugins: [{ use: portreeve-condition-x, config: {} }]     portal, client and gateways load these
  transport: KEY                                            client and gateways carry packets by it
  services: [node server.js]                                run on services.example.org, for plugins to ask; each
                                                            prints a line when it is ready
  portal: {}    client: { resolvers: [] }    gateway: {}    more settings of their configuration files
  account:
    identity_provider: { type: KEY, settings: {}, answers: { email: ada@example.org } }     Ada signs in with it
    selector: KEY                                           chooses a gateway; with selector_settings
    conditions: [{ condition: KEY, settings: {} }]          of every policy
    upstream_resolvers: [{ type: KEY, settings: {} }]       that clients ask

Examples:
  $ portreeve lab                                 stays until Ctrl-C and says how to play on
  $ portreeve lab --once --json                   for scripts: exit 0 where every step held
  $ portreeve lab --plugins lab.yaml              your plugin in a running system
  $ portreeve lab story --plugins lab.yaml        the whole story with it`,
    )

const readPlugins = async (file: string) => {
  const { parseConfig } = await import('../../core/config/parse-config.ts')
  const { LabPlugins } = await import('../lab/lab-plugins.ts')
  return { ...parseConfig(LabPlugins, await readYaml(file), file), folder: dirname(resolve(file)) }
}
