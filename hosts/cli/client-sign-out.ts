import { Command } from 'commander'
import type { SignedOut } from '../client/session/client-session.ts'
import { ask, type AskOptions } from './ask.ts'
import type { CommandContext } from './context.ts'

/** Builds `portreeve client sign-out`, which closes the connections, forgets the token, and has it revoked. */
export const clientSignOutCommand = (context: CommandContext): Command =>
  new Command('sign-out')
    .description('Drops the connections, forgets the token, and has the portal revoke it.')
    .option('-c, --config <file>', 'the client’s configuration')
    .option('--json', 'print {"state":"signed_out","revoked":…,"problem":…}')
    .action(async (options: AskOptions) => {
      const { revoked, problem } = (await ask('sign-out', options, context, undefined, TIMEOUT_MS)) as SignedOut
      if (options.json === true) context.output.json({ state: 'signed_out', revoked, problem })
      else context.output.print(problem === null ? 'Signed out.' : `${NOT_YET}\n${problem}`)
    })
    .addHelpText(
      'after',
      `
The portal revokes the token of a sign-in, and all access that rests on it ends at once. Where the portal is not reached, the command
says so, and a client goes on asking it, after a restart too. The token of a service account stays valid: an admin revokes it.

Example:
  $ portreeve client sign-out`,
    )

/** Longer than the client waits for its own end and for the portal. */
const TIMEOUT_MS = 60_000

const NOT_YET =
  'Signed out on this machine. The portal has not revoked the token yet: it is asked again every minute while the client process runs. Until then whoever has a copy of the token can use it.'
