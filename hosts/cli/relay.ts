import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { RelayConfig } from '../relay/config.ts'
import { packageVersion } from '../runtime/process/package-root.ts'
import { needTokenFile } from '../runtime/token-file.ts'
import { relaySchema } from './config-schemas.ts'
import type { CommandContext } from './context.ts'
import { readConfig, takeToken } from './read-config.ts'
import { relayMetricsCommand } from './relay-metrics.ts'
import { relayStatusCommand } from './relay-status.ts'
import { runPeer } from './run-peer.ts'

/** Builds `portreeve relay`, which runs a relay until SIGTERM. */
export const relayCommand = (context: CommandContext): Command =>
  new Command('relay')
    .option('-c, --config <file>', 'its configuration, YAML; the environment goes before it')
    .addCommand(relayStatusCommand(context))
    .addCommand(relayMetricsCommand(context))
    .action(async ({ config: file }: { config?: string }) => {
      const source = { schema: await relaySchema(), file, fallback: 'relay.yaml', env: context.env } as const
      const { config } = await readConfig(source)
      const token = takeToken(context.env) ?? (await tokenOf(config))
      const { startRelay } = await import('../relay/main.ts')
      await runPeer(() => startRelay({ config, token, version: packageVersion() }), context)
    })
    .addHelpText(
      'after',
      `
A portal has a relay in its own process: this command is for further ones, nearer to people, or for more traffic. It needs no
privileges. Firewalls have to let in UDP 3478 and the relayed ports, 49152 to 65535.

The environment: PORTREEVE_TOKEN, PORTREEVE_PORTAL_URL, PORTREEVE_NAME, PORTREEVE_SOCKET go before the configuration.
A token is made by the portal: POST /api/v1/relay_tokens.

Examples:
  $ portreeve relay --config relay.yaml
  $ portreeve relay status --config relay.yaml
  $ PORTREEVE_PORTAL_URL=https://portal.example.org PORTREEVE_TOKEN=… PORTREEVE_NAME=tokyo-1 portreeve relay`,
    )

const tokenOf = async ({ token_file: file }: RelayConfig) => {
  if (file !== undefined) return needTokenFile(file)
  throw new OperatorError('TOKEN_MISSING', 'this relay has no token.', 'Set PORTREEVE_TOKEN, or `token_file`.')
}
