import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { GatewayConfig } from '../gateway/config.ts'
import { packageVersion } from '../runtime/process/package-root.ts'
import { needTokenFile } from '../runtime/token-file.ts'
import { gatewaySchema } from './config-schemas.ts'
import type { CommandContext } from './context.ts'
import { gatewayDiagnoseCommand } from './gateway-diagnose.ts'
import { gatewayMetricsCommand } from './gateway-metrics.ts'
import { gatewayStatusCommand } from './gateway-status.ts'
import { machineCheckCommand } from './machine-check.ts'
import { readConfig, takeToken } from './read-config.ts'
import { gatewaySetupCommand } from './gateway-setup.ts'
import { runPeer } from './run-peer.ts'
import { uninstallCommand } from './uninstall.ts'

/** Builds `portreeve gateway`, which runs a gateway until SIGTERM. */
export const gatewayCommand = (context: CommandContext): Command =>
  new Command('gateway')
    .option('-c, --config <file>', 'its configuration, YAML; the environment goes before it')
    .addCommand(gatewaySetupCommand(context))
    .addCommand(uninstallCommand('gateway', context))
    .addCommand(gatewayStatusCommand(context))
    .addCommand(gatewayDiagnoseCommand(context))
    .addCommand(gatewayMetricsCommand(context))
    .addCommand(machineCheckCommand('gateway', context))
    .action(async ({ config: file }: { config?: string }) => {
      const source = { schema: await gatewaySchema(), file, fallback: 'gateway.yaml', env: context.env } as const
      const { config, file: path } = await readConfig(source)
      const token = takeToken(context.env) ?? (await tokenOf(config))
      const { loadAddon, needFreeMachine, needNetAdmin } = await import('../runtime/index.ts')
      needNetAdmin()
      loadAddon()
      await needFreeMachine()
      const { createPluginModules } = await import('../runtime/plugin-modules.ts')
      const { startGateway } = await import('../gateway/main.ts')
      const modules = createPluginModules(path)
      await runPeer(() => startGateway({ config, token, modules, version: packageVersion() }), context)
    })
    .addHelpText(
      'after',
      `
The environment: PORTREEVE_TOKEN, PORTREEVE_PORTAL_URL, PORTREEVE_NAME, PORTREEVE_ID, PORTREEVE_EPHEMERAL and
PORTREEVE_SOCKET go before the configuration.
A token is made by the portal, on the page of a site; \`portreeve gateway setup\` writes it, with the configuration.

Examples:
  $ portreeve gateway check
  $ portreeve gateway --config gateway.yaml
  $ portreeve gateway status --config gateway.yaml
  $ PORTREEVE_PORTAL_URL=https://portal.example.org PORTREEVE_TOKEN=… PORTREEVE_NAME=berlin-1 portreeve gateway`,
    )

const tokenOf = async ({ token_file: file }: GatewayConfig) => {
  if (file !== undefined) return needTokenFile(file)
  throw new OperatorError('TOKEN_MISSING', 'this gateway has no token.', 'Set PORTREEVE_TOKEN, or `token_file`.')
}
