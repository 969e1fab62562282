import { Command } from 'commander'
import { clientDiagnoseCommand } from './client-diagnose.ts'
import { clientDnsCommand } from './client-dns.ts'
import { clientDownCommand } from './client-down.ts'
import { clientMetricsCommand } from './client-metrics.ts'
import { clientPingCommand } from './client-ping.ts'
import { clientSignInCommand } from './client-sign-in.ts'
import { clientSignOutCommand } from './client-sign-out.ts'
import { clientStatusCommand } from './client-status.ts'
import { clientUpCommand } from './client-up.ts'
import type { CommandContext } from './context.ts'
import { clientSetupCommand } from './client-setup.ts'
import { machineCheckCommand } from './machine-check.ts'
import { uninstallCommand } from './uninstall.ts'

/** Builds `portreeve client …`. */
export const clientCommand = (context: CommandContext): Command =>
  new Command('client')
    .addCommand(clientSetupCommand(context))
    .addCommand(uninstallCommand('client', context))
    .addCommand(clientUpCommand(context))
    .addCommand(clientDownCommand(context))
    .addCommand(clientStatusCommand(context))
    .addCommand(machineCheckCommand('client', context))
    .addCommand(clientPingCommand(context))
    .addCommand(clientDiagnoseCommand(context))
    .addCommand(clientMetricsCommand(context))
    .addCommand(clientDnsCommand(context))
    .addCommand(clientSignInCommand(context))
    .addCommand(clientSignOutCommand(context))
    .addHelpText(
      'after',
      `
All but \`setup\`, \`up\`, \`check\` and a part of \`diagnose\` ask the running client through its socket: PORTREEVE_SOCKET, or \`socket\` of the configuration.

Examples:
  $ PORTREEVE_TOKEN=… portreeve client up --config client.yaml
  $ portreeve client status --json`,
    )
