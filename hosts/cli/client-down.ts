import { Command } from 'commander'
import { ask, type AskOptions } from './ask.ts'
import type { CommandContext } from './context.ts'

/** `portreeve client down`: ends the running client. */
export const clientDownCommand = (context: CommandContext): Command =>
  new Command('down')
    .description('Ends the running client; the system’s resolver and routes are as before.')
    .option('-c, --config <file>', 'the client’s configuration')
    .option('--json', 'print {"state":"stopping"}')
    .action(async (options: AskOptions) => {
      await ask('down', options, context)
      if (options.json === true) context.output.json({ state: 'stopping' })
      else context.output.print('The client is stopping.')
    })
    .addHelpText('after', '\nExample:\n  $ portreeve client down')
