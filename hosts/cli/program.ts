import { Command, CommanderError } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import { packageVersion } from '../runtime/process/package-root.ts'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'
import { NOUNS } from './nouns.ts'

/**
 * Runs the command line and returns the exit code. Modules are imported only by the command that needs them.
 */
export const run = async (
  args: readonly string[],
  { env, output, readHidden, confirm, ask }: Omit<CommandContext, 'exit'>,
): Promise<ExitCode> => {
  let code: ExitCode = ExitCode.done
  const exit = (asked: ExitCode): ExitCode => (code = asked)
  const context: CommandContext = {
    env,
    output,
    exit,
    ...(readHidden === undefined ? {} : { readHidden }),
    ...(confirm === undefined ? {} : { confirm }),
    ...(ask === undefined ? {} : { ask }),
  }
  const program = await programOf(context, (name) => args.includes(name))
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.done : ExitCode.usage
    if (isSystemError(error)) {
      output.tell(`portreeve: ${error.code}: ${error.message}`)
      return ExitCode.failed
    }
    if (!(error instanceof OperatorError)) throw error
    output.tell(`portreeve: ${error.code}: ${error.message}`)
    return exitOf(error)
  }
}

/** Builds the command line, with the commands loaded that `isWanted` names; of the others, the names only. */
export const programOf = async (context: CommandContext, isWanted: (name: string) => boolean): Promise<Command> => {
  const program = new Command('portreeve')
    .description('Zero-trust network access: a portal decides, a client asks, a gateway serves.')
    .version(packageVersion(), '-V, --version')
    .addHelpText('after', EXAMPLES)
  for (const [name, { description, load }] of Object.entries(COMMANDS)) {
    const command = isWanted(name) ? await (await load())(context) : new Command(name)
    program.addCommand(command.description(description))
  }
  refine(program, context)
  return program
}

/**
 * Whether the operating system refused something, such as a write to a folder or a full disk: an operator's error, not
 * a bug.
 */
const isSystemError = (error: unknown): error is Error & { code: string } =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && /^E[A-Z0-9]{2,}$/.test(error.code)

const exitOf = (error: OperatorError): ExitCode => {
  if (UNREACHABLE.has(error.code)) return ExitCode.unreachable
  if (SIGNED_OUT.has(error.code)) return ExitCode.signedOut
  return error.code.startsWith('CONFIG_') || USAGE.has(error.code) ? ExitCode.usage : ExitCode.failed
}

/** Commands for the objects of an account, such as `portreeve site`. */
const NOUN_COMMANDS = Object.fromEntries(
  Object.entries(NOUNS).map(([name, noun]) => [
    name,
    {
      description: noun.text,
      load: async () => {
        const { nounCommand } = await import('./noun-command.ts')
        return (context: CommandContext) => nounCommand(noun, context)
      },
    },
  ]),
)

/** Commands by name, each loaded only if it is named: loading all of them takes most of the time of `--help`. */
const COMMANDS: Readonly<
  Record<string, { description: string; load: () => Promise<(context: CommandContext) => Command | Promise<Command>> }>
> = {
  setup: {
    description: 'Makes a working portal: asks, checks, writes its configuration and first rows, and starts it.',
    load: async () => (await import('./setup.ts')).setupCommand,
  },
  portal: {
    description: 'Runs a portal, in the foreground until SIGTERM.',
    load: async () => (await import('./portal.ts')).portalCommand,
  },
  gateway: {
    description: 'Runs a gateway, in the foreground until SIGTERM. Needs root, or CAP_NET_ADMIN.',
    load: async () => (await import('./gateway.ts')).gatewayCommand,
  },
  relay: {
    description:
      'Runs a relay, in the foreground until SIGTERM, over which clients and gateways meet that find no direct path.',
    load: async () => (await import('./relay.ts')).relayCommand,
  },
  client: {
    description: 'Runs a client, and asks the running one.',
    load: async () => (await import('./client.ts')).clientCommand,
  },
  explain: {
    description: 'Explains why an actor may use a resource, or may not: every policy, every condition, the gateway.',
    load: async () => (await import('./explain.ts')).explainCommand,
  },
  simulate: {
    description: 'Says who would gain or lose access by changes, without making them.',
    load: async () => (await import('./simulate.ts')).simulateCommand,
  },
  login: {
    description: 'Keeps an API token for a portal, which the commands below then use.',
    load: async () => (await import('./login.ts')).loginCommand,
  },
  logout: {
    description: 'Forgets the API token for a portal.',
    load: async () => (await import('./logout.ts')).logoutCommand,
  },
  ...NOUN_COMMANDS,
  apply: {
    description:
      'Makes an account what an access file says, in one transaction; with --dry-run it shows the difference.',
    load: async () => (await import('./apply.ts')).applyCommand,
  },
  export: {
    description: 'Writes an account as an access file.',
    load: async () => (await import('./export.ts')).exportCommand,
  },
  plugin: {
    description: 'Looks at plugins, and begins new ones.',
    load: async () => (await import('./plugin.ts')).pluginCommand,
  },
  completion: {
    description: 'Prints a script with which bash, zsh or fish complete commands, flags and their values.',
    load: async () => {
      const { completionCommand } = await import('./completion.ts')
      return (context: CommandContext) => completionCommand(context, async () => programOf(context, () => true))
    },
  },
  lab: {
    description: 'Runs the whole system in network namespaces of this machine and walks through its story. Needs root.',
    load: async () => (await import('./lab.ts')).labCommand,
  },
}

const SIGNED_OUT = new Set(['TOKEN_MISSING', 'SIGNED_OUT', 'PORTAL_TOKEN_REFUSED'])

const UNREACHABLE = new Set([
  'CLIENT_NOT_RUNNING',
  'GATEWAY_NOT_RUNNING',
  'RELAY_NOT_RUNNING',
  'PORTAL_UNREACHABLE',
  'DATABASE_UNREACHABLE',
])

/** Codes of errors in the arguments of a command. */
const USAGE = new Set([
  'USAGE',
  'SETUP_MISSING',
  'NAME_UNKNOWN',
  'NAME_AMBIGUOUS',
  'ACCESS_FILE_UNREADABLE',
  'ACCESS_FILE_SYNTAX',
  'SECRET_MISSING',
  'ACCOUNT_INVALID',
  'CA_FILE_UNREADABLE',
  'CA_FILE_INVALID',
])

/** Makes a command and its subcommands throw instead of ending the process, and write to `output`. */
const refine = (command: Command, { output }: CommandContext): void => {
  command
    .exitOverride()
    .showHelpAfterError('Run it with --help to see what it takes.')
    .configureOutput({
      writeOut: (text) => output.print(text.trimEnd()),
      writeErr: (text) => output.tell(text.trimEnd()),
    })
  for (const inner of command.commands) refine(inner, { output } as CommandContext)
}

const EXAMPLES = `
Examples:
  $ portreeve lab                                  the whole system on this machine, in network namespaces
  $ portreeve setup                                a portal of this machine, and the lines for a gateway and a client
  $ portreeve portal --config portal.yaml
  $ PORTREEVE_TOKEN=… portreeve gateway --config gateway.yaml
  $ PORTREEVE_TOKEN=… portreeve relay --config relay.yaml
  $ portreeve client up --config client.yaml
  $ portreeve client status --json
  $ portreeve explain --actor ada@example.org --resource gitlab.example.org --port 443
  $ portreeve login https://portal.example.org
  $ portreeve group add-member Engineers ada@example.org
  $ portreeve apply -f access.yaml --dry-run

Ends with: 0 done or connected · 1 failed · 2 usage or configuration · 3 no token, or refused · 4 not reached
           5 another process has its identity · 6 explain: denied; apply: a test fails`
