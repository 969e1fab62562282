import { Command } from 'commander'
import { ask, type AskOptions } from './ask.ts'
import type { CommandContext } from './context.ts'

/** Builds `portreeve client sign-out`, which closes the connections and forgets the token. */
export const clientSignOutCommand = (context: CommandContext): Command =>
  new Command('sign-out')
    .description('Drops the connections and forgets the token.')
    .option('-c, --config <file>', 'the client’s configuration')
    .option('--json', 'print {"state":"signed_out"}')
    .action(async (options: AskOptions) => {
      await ask('sign-out', options, context)
      if (options.json === true) context.output.json({ state: 'signed_out' })
      else context.output.print('Signed out.')
    })
    .addHelpText('after', '\nExample:\n  $ portreeve client sign-out')
