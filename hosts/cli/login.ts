import { resolve } from 'node:path'
import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import { Secret } from '../../core/runtime/secret.ts'
import type { AnswerOf } from '../api/index.ts'
import { needTokenFile } from '../runtime/token-file.ts'
import type { CommandContext } from './context.ts'
import { hiddenLine } from './hidden-line.ts'
import { Logins, type Login } from './logins.ts'
import { table } from './output.ts'
import { asking, clientOf, portalUrl } from './portal-api.ts'
import { takeToken } from './read-config.ts'

interface Options {
  tokenFile?: string
  caFile?: string
  use?: true
  json?: true
}

/** Builds `portreeve login`, which keeps an API token for a portal and says whose it is. */
export const loginCommand = (context: CommandContext): Command =>
  new Command('login')
    .argument('[url]', 'the portal: https://portal.example.org; without it, the portals are listed')
    .option('--token-file <file>', 'a file of mode 0600 with the API token; PORTREEVE_TOKEN goes before it')
    .option('--ca-file <file>', 'authorities (PEM) for the portal’s certificate, beside those that the system trusts')
    .option('--use', 'you have logged in there before: have commands ask that portal from here on')
    .option('--json', 'print one JSON document')
    .action(async (url: string | undefined, options: Options) => {
      const logins = new Logins(context.env)
      if (url === undefined) return listLogins(logins, options, context)
      const portal = portalUrl(url)
      if (isOpenToOthers(portal)) context.output.tell(`${portal} is not https: others on the way can read the token.`)
      if (options.use === true) return useLogin(logins, portal, context)
      const token = await tokenFor(portal, options, context)
      const caFile = options.caFile === undefined ? undefined : resolve(options.caFile)
      const api = await clientOf({ url: portal, token, caFile })
      const me = await asking(() => api.call('GET /me'))
      const login: Login = {
        url: portal,
        ...(caFile === undefined ? {} : { caFile }),
        account: me.account.slug,
        actor: me.actor.email ?? me.actor.name,
        expiresAt: me.token?.expires_at ?? null,
      }
      await logins.put(login, token)
      if (options.json === true) context.output.json(me)
      else context.output.print(described(portal, me))
    })
    .addHelpText(
      'after',
      `
The token is asked for without echo, or read from a pipe, PORTREEVE_TOKEN or --token-file: never from an argument, which others on this
machine could see. It is kept in $XDG_CONFIG_HOME/portreeve (~/.config/portreeve), mode 0600. Who has no token yet makes one on the page
of the portal for tokens, or gets the first one of \`portreeve portal init\`.

Examples:
  $ portreeve login https://portal.example.org
  $ pass show portreeve | portreeve login https://portal.example.org
  $ portreeve login                              the portals, and which one commands ask
  $ portreeve login https://other.example.org --use`,
    )

/** Whether what is sent to an address can be read on the way. */
const isOpenToOthers = (url: string): boolean => {
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && !/^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}

const tokenFor = async (portal: string, { tokenFile }: Options, context: CommandContext): Promise<Secret> => {
  const given = takeToken(context.env) ?? (tokenFile === undefined ? undefined : await needTokenFile(tokenFile))
  if (given !== undefined) return given
  if (process.stdin.isTTY) context.output.tell(`API token for ${portal} (it is not shown as you paste it), then Enter:`)
  const { readHidden = hiddenLine } = context
  const text = (
    await readHidden().catch((error: Error) => {
      throw new OperatorError('TOKEN_MISSING', `no token was given: ${error.message}.`)
    })
  ).trim()
  if (/^[A-Za-z0-9._~-]{1,512}$/.test(text)) return new Secret(text)
  throw new OperatorError('TOKEN_MISSING', text === '' ? 'no token was given.' : 'this is no token.')
}

const useLogin = async (logins: Logins, url: string, { output }: CommandContext): Promise<void> => {
  const login = await logins.find(url)
  if (login === undefined) {
    throw new OperatorError('SIGNED_OUT', `you are not logged in at ${url}.`, `Run: portreeve login ${url}`)
  }
  await logins.makeDefault(url)
  output.print(`Commands ask ${url}, as ${login.actor} of ${login.account}.`)
}

const listLogins = async (logins: Logins, { json }: Options, { output }: CommandContext): Promise<void> => {
  const { default: first, portals } = await logins.list()
  if (json === true) {
    output.json({
      default: first,
      portals: portals.map(({ url, account, actor, expiresAt }) => ({ url, account, actor, expires_at: expiresAt })),
    })
    return
  }
  if (portals.length === 0) {
    output.print('You are not logged in at a portal. Run: portreeve login https://portal.example.org')
    return
  }
  const rows = portals.map(({ url, account, actor, expiresAt }) => [
    url === first ? '*' : '',
    url,
    account,
    actor,
    expiresAt ?? 'until revoked',
  ])
  output.print(table([['', 'PORTAL', 'ACCOUNT', 'ACTOR', 'TOKEN ENDS'], ...rows]))
}

const described = (portal: string, { account, actor, token, scopes }: AnswerOf<'GET /me'>): string =>
  table([
    ['portal', portal],
    ['account', `${account.name} (${account.slug})`],
    [
      'actor',
      `${actor.email === null ? actor.name : `${actor.name} (${actor.email})`}, ${actor.type.replace('_', ' ')}`,
    ],
    ['scopes', scopes === null ? 'everything that the actor may' : scopes.join(', ')],
    [
      'token',
      `${token?.name ?? '-'}, ${token?.expires_at === null ? 'valid until revoked' : `ends ${token?.expires_at ?? '-'}`}`,
    ],
  ])
