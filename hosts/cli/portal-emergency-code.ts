import { Command, type Command as Parent } from 'commander'
import type { CommandContext } from './context.ts'
import { readPortalStart } from './portal-start.ts'

interface Options {
  config?: string
  account: string
  adminEmail?: string
  adminId?: string
  json?: true
}

/**
 * Builds `portreeve portal emergency-code`, which makes a one-time code for an owner or admin to sign in without the identity
 * provider.
 */
export const portalEmergencyCodeCommand = ({ env, output }: Omit<CommandContext, 'exit'>): Command =>
  new Command('emergency-code')
    .description('Makes a one-time code by which an owner or admin signs in while the identity provider is down.')
    .option('-c, --config <file>', 'the portal’s configuration, YAML')
    .requiredOption('--account <slug>', 'the account')
    .option('--admin-email <address>', 'which admin, where there are several')
    .option(
      '--admin-id <id>',
      'the same by id, for an admin without an address; without either, the choices are listed',
    )
    .option('--json', 'print {"account","admin","url","code","expires_at"}')
    .action(async ({ account, adminEmail, adminId, json }: Options, command: Parent) => {
      // The parent command has a --config as well, and commander may assign the option to either.
      const { config: file } = command.optsWithGlobals<Options>()
      const start = await readPortalStart(env, file)
      const { makeEmergencyCode } = await import('../portal/make-emergency-code.ts')
      const made = await makeEmergencyCode({ ...start, account, adminEmail, adminId })
      if (json === true) {
        output.json(made)
        return
      }
      output.print(`admin  ${made.admin.email ?? made.admin.id}`)
      output.print(`enter  ${made.url}`)
      output.print(`code   ${made.code}`)
      output.tell(`It is good once, until ${made.expires_at}. That it was made, and its use, are in the audit trail.`)
    })
    .addHelpText(
      'after',
      `
Example, on the portal's own machine, as the user that the portal runs as:
  $ portreeve portal emergency-code --config portal.yaml --account example

It works beside a running portal. A newer code ends the older one.`,
    )
