import { Command, type Command as Parent } from 'commander'
import type { CommandContext } from './context.ts'
import { readPortalStart } from './portal-start.ts'

interface Options {
  config?: string
  account: string
  adminEmail: string
  json?: true
}

/** Builds `portreeve portal init`, which creates an account, its owner and a first API token. */
export const portalInitCommand = ({ env, output }: Omit<CommandContext, 'exit'>): Command =>
  new Command('init')
    .description('Creates an account, its owner and a first API token, in the database of the configuration.')
    .option('-c, --config <file>', 'the portal’s configuration, YAML')
    .requiredOption('--account <slug>', 'the account: lower-case letters, digits, - and _')
    .requiredOption('--admin-email <address>', 'the owner’s e-mail address')
    .option('--json', 'print {"account","admin","token"}')
    .action(async ({ account, adminEmail, json }: Options, command: Parent) => {
      // The parent command has a --config as well, and commander may assign the option to either.
      const { config: file } = command.optsWithGlobals<Options>()
      const start = await readPortalStart(env, file)
      const { initPortal } = await import('../portal/init.ts')
      const made = await initPortal({ ...start, account, adminEmail })
      if (json === true) {
        output.json(made)
        return
      }
      output.print(`account  ${made.account.slug}  ${made.account.id}`)
      output.print(`admin    ${made.admin.email}  ${made.admin.id}`)
      output.print(`token    ${made.token}`)
      output.tell('The token is an API token of the owner, valid for 90 days. It is shown this once.')
    })
    .addHelpText(
      'after',
      `
Example:
  $ portreeve portal init --config portal.yaml --account example --admin-email ada@example.org --json

The token goes into an Authorization header:
  $ curl -H @- https://portal.example.org/api/v1/sites <<< "Authorization: Bearer $TOKEN"`,
    )
