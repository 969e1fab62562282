import { Command } from 'commander'
import { signIn } from './client-sign-in.ts'
import type { CommandContext } from './context.ts'
import { setUpPeer, withPeerOptions, type PeerSetupOptions } from './peer-setup.ts'

interface Options extends PeerSetupOptions {
  account: string
  paste?: true
}

/** Builds `portreeve client setup`, the one line that makes a client of a machine. */
export const clientSetupCommand = (context: CommandContext): Command =>
  withPeerOptions(new Command('setup'))
    .description(
      'Makes this machine a client: tries the portal, writes client.yaml, starts it, and begins the sign-in.',
    )
    .requiredOption('--account <slug>', 'the account to sign in to')
    .option('--paste', 'the browser is on another machine: read here what its last page shows')
    .action(async (options: Options) => {
      const { account, paste } = options
      const { output } = context
      const { config, isStarted, isNew } = await setUpPeer('client', options, { settings: { account }, output })
      if (!isNew) return
      if (isStarted) await signIn({ config, ...(paste === undefined ? {} : { paste }) }, context)
      else
        output.print(
          `Start it, then sign in:\n  portreeve client up --config ${config}\n  portreeve client sign-in --config ${config}`,
        )
    })
    .addHelpText(
      'after',
      `
The portal prints the whole line, at \`portreeve setup\`. A second run changes nothing.

Examples:
  $ portreeve client setup --portal https://portal.example.org --account example
  $ portreeve client setup --portal https://portal.example.org --account example --paste`,
    )
