import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import { problemText } from '../../core/control/portal-problem.ts'
import type { ClientStatus } from '../client/session/client-status.ts'
import { ask, type AskOptions } from './ask.ts'
import type { CommandContext } from './context.ts'
import { hiddenLine } from './hidden-line.ts'

interface Options extends AskOptions {
  paste?: true
}

/** Time for the client to connect with a pasted token. */
const CONNECT_MS = 20_000
/** Time for the client to start connecting, after which being signed out means that the token was refused. */
const START_MS = 5_000
const LOOK_MS = 100

/** Builds `portreeve client sign-in`, which begins a sign-in and prints the page to open. */
export const clientSignInCommand = (context: CommandContext): Command =>
  new Command('sign-in')
    .description('Begins a sign-in: prints the page to open in a browser.')
    .option('-c, --config <file>', 'the client’s configuration')
    .option('--paste', 'the browser is on another machine: read here what its last page shows')
    .option('--json', 'print {"url"}; with --paste {"account","actor"} afterwards')
    .action((options: Options) => signIn(options, context))
    .addHelpText(
      'after',
      `
Without a browser on this machine: --paste prints an address for a browser anywhere, whose last page shows a token to paste here (it is not
shown as you paste it; a pipe works, too). Or forward the port that the address names, \`ssh -L PORT:127.0.0.1:PORT THIS_MACHINE\`, and
open it there.

Examples:
  $ xdg-open "$(portreeve client sign-in)"
  $ portreeve client sign-in --paste`,
    )

/** Begins a sign-in of the running client, and prints the page to open. */
export const signIn = async (options: Options, context: CommandContext): Promise<void> => {
  if (options.paste === true) return signInByPaste(options, context)
  const { url } = (await ask('sign-in', options, context)) as { url: string }
  if (options.json === true) context.output.json({ url })
  else context.output.print(url)
  context.output.tell('Open it in a browser of this machine. The client connects when you have signed in.')
  context.output.tell(withoutBrowser(url))
}

/** Returns advice for a machine without a browser, with the callback port of this sign-in. */
const withoutBrowser = (url: string): string => {
  const callback = URL.canParse(url) ? new URL(url).searchParams.get('callback') : null
  const port = callback !== null && URL.canParse(callback) ? new URL(callback).port : ''
  const forward =
    port === '' ? '' : `, or, on the machine with the browser: ssh -L ${port}:127.0.0.1:${port} ${hostname()}`
  return `No browser here? portreeve client sign-in --paste${forward}`
}

const signInByPaste = async (options: Options, context: CommandContext): Promise<void> => {
  const { output, readHidden = hiddenLine } = context
  const { url } = (await ask('sign-in', options, context, { by_paste: true })) as { url: string }
  if (options.json === true) output.tell(url)
  else output.print(url)
  output.tell('Open it in a browser of any machine, sign in, and paste here what the last page shows, then Enter:')
  const text = await readHidden().catch((error: Error) => {
    throw new OperatorError('PASTE_REFUSED', `nothing was pasted: ${error.message}.`)
  })
  if (text.trim() === '') throw new OperatorError('PASTE_REFUSED', 'nothing was pasted.')
  await ask('sign-in-paste', options, context, { text })
  const { account, actor } = await connected(options, context)
  if (options.json === true) output.json({ account, actor })
  else output.tell(`Signed in as ${actor ?? '?'} (${account ?? '?'}).`)
}

/** Waits until the client has connected with the pasted token, or the portal has refused it. */
const connected = async (options: Options, context: CommandContext): Promise<ClientStatus> => {
  const began = performance.now()
  for (let wasIn = false; ;) {
    const status = (await ask('status', options, context)) as ClientStatus
    if (status.state === 'connected' || status.state === 'limited') return status
    const waited = performance.now() - began
    if (status.state === 'signed_out' && (wasIn || waited > START_MS)) {
      throw new OperatorError(
        'SIGNED_OUT',
        'the portal does not take what was pasted: it is not this sign-in’s, or too old.',
      )
    }
    wasIn ||= status.state !== 'signed_out'
    if (waited > CONNECT_MS) {
      const problem = status.portal?.problem
      const why = problem === null || problem === undefined ? 'it does not answer yet.' : problemText(problem)
      throw new OperatorError('PORTAL_UNREACHABLE', `you are signed in, and the portal is not reached: ${why}`)
    }
    await delay(LOOK_MS)
  }
}
