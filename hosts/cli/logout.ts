import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { CommandContext } from './context.ts'
import { Logins } from './logins.ts'
import { portalUrl } from './portal-api.ts'

/** Builds `portreeve logout`, which forgets the API token for a portal. */
export const logoutCommand = ({ env, output }: CommandContext): Command =>
  new Command('logout')
    .argument('[url]', 'the portal; by default the one that commands ask')
    .option('--all', 'forget the tokens for all portals')
    .option('--json', 'print {"portals"}: those that were forgotten')
    .action(async (url: string | undefined, { all, json }: { all?: true; json?: true }) => {
      const logins = new Logins(env)
      const { default: first, portals } = await logins.list()
      const wanted = url === undefined ? first : portalUrl(url)
      const gone = portals.filter((login) => all === true || login.url === wanted)
      if (gone.length === 0 && all !== true) {
        throw new OperatorError('SIGNED_OUT', `you are not logged in at ${wanted ?? 'a portal'}.`)
      }
      for (const login of gone) await logins.remove(login.url)
      if (json === true) output.json({ portals: gone.map((login) => login.url) })
      else output.print(gone.length === 0 ? 'You were not logged in.' : gone.map(forgotten).join('\n'))
    })
    .addHelpText(
      'after',
      `
The token is forgotten on this machine and stays valid: \`portreeve token delete\` revokes one.

Examples:
  $ portreeve logout
  $ portreeve logout https://portal.example.org
  $ portreeve logout --all`,
    )

const forgotten = ({ url, actor }: { url: string; actor: string }): string => `Forgot the token of ${actor} for ${url}.`
