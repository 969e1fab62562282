import { Command } from 'commander'
import { ask, type AskOptions } from './ask.ts'
import type { CommandContext } from './context.ts'

/** `portreeve client sign-in`: begins a sign-in and says which page to open. */
export const clientSignInCommand = (context: CommandContext): Command =>
  new Command('sign-in')
    .description('Begins a sign-in: prints the page to open in a browser of this machine.')
    .option('-c, --config <file>', 'the client’s configuration')
    .option('--json', 'print {"url"}')
    .action(async (options: AskOptions) => {
      const { url } = (await ask('sign-in', options, context)) as { url: string }
      if (options.json === true) context.output.json({ url })
      else context.output.print(url)
      context.output.tell('Open it in a browser of this machine. The client connects when you have signed in.')
    })
    .addHelpText('after', '\nExample:\n  $ xdg-open "$(portreeve client sign-in)"')
