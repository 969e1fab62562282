import { setTimeout as delay } from 'node:timers/promises'
import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import { problemText } from '../../core/control/portal-problem.ts'
import { Secret } from '../../core/runtime/secret.ts'
import { askGatewayStatus, gatewaySocket } from '../gateway/control-socket.ts'
import type { GatewayStatus } from '../gateway/gateway-status.ts'
import { gatewaySchema } from './config-schemas.ts'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'
import { hiddenLine } from './hidden-line.ts'
import { readConfig, takeToken } from './read-config.ts'
import { setUpPeer, withPeerOptions, type PeerSetupOptions } from './peer-setup.ts'

/** Time for a gateway that was started to connect. */
const CONNECT_MS = 20_000
const LOOK_MS = 200

/** Builds `portreeve gateway setup`, the one line that makes a gateway of a machine. */
export const gatewaySetupCommand = (context: CommandContext): Command =>
  withPeerOptions(new Command('setup'))
    .description('Makes this machine a gateway: tries the portal, writes gateway.yaml and the token, and starts it.')
    .action(async (_: PeerSetupOptions, command: Command) => {
      const options = command.opts<PeerSetupOptions>()
      const { config, isStarted, isNew } = await setUpPeer('gateway', options, {
        token: () => tokenOf(context),
        output: context.output,
      })
      if (!isNew) return
      if (isStarted) await reportConnection(config, context)
      else context.output.print(`Start it: portreeve gateway --config ${config}`)
    })
    .addHelpText(
      'after',
      `
The portal prints the whole line, at \`portreeve setup\` and on the page of a site. The token comes by standard input, or PORTREEVE_TOKEN: never as an
argument, which others on this machine could see. A second run changes nothing.

Example:
  $ echo TOKEN | portreeve gateway setup --portal https://portal.example.org`,
    )

const tokenOf = async ({ env, output, readHidden = hiddenLine }: CommandContext): Promise<Secret> => {
  const given = takeToken(env)
  if (given !== undefined) return given
  if (process.stdin.isTTY) output.tell('The gateway’s token (it is not shown as you paste it), then Enter:')
  const text = (await readHidden()).trim()
  if (/^[A-Za-z0-9._~-]{1,512}$/.test(text)) return new Secret(text)
  throw new OperatorError(
    'TOKEN_MISSING',
    text === '' ? 'no token was given.' : 'this is no token.',
    'Paste the whole line that the portal shows.',
  )
}

/** Waits until the gateway has connected, and says so, or why it has not. */
const reportConnection = async (file: string, { env, output, exit }: CommandContext): Promise<void> => {
  const { config } = await readConfig({ schema: await gatewaySchema(), file, fallback: 'gateway.yaml', env })
  const began = performance.now()
  let last: GatewayStatus | undefined
  while (performance.now() - began < CONNECT_MS) {
    last = await askGatewayStatus(gatewaySocket(config)).catch(() => undefined)
    if (last?.state === 'connected') {
      output.print('The gateway runs, and is connected to its portal.')
      return
    }
    await delay(LOOK_MS)
  }
  const problem = last?.portal.problem
  output.print(
    `The gateway is not connected${problem === null || problem === undefined ? '' : `: ${problemText(problem)}`}.`,
  )
  output.tell('See: portreeve gateway diagnose, and journalctl -u portreeve-gateway')
  exit(ExitCode.unreachable)
}
