import { Command, InvalidArgumentError } from 'commander'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'
import { askPortal, withApiOptions, type ApiOptions } from './portal-api.ts'

interface Options extends ApiOptions {
  actor: string
  resource: string
  port?: { port: number; protocol?: string }
  protocol?: string
  at?: string
  from?: string
  client?: string
  provider?: string
  verified?: boolean
}

/** Builds `portreeve explain`, which shows why an actor may or may not use a resource. */
export const explainCommand = (context: CommandContext): Command =>
  withApiOptions(new Command('explain'))
    .requiredOption('--actor <id, e-mail or name>', 'who; a service account by its name')
    .requiredOption('--resource <id, name or address>', 'what')
    .option('--port <number>', 'the port at the resource: 443, or 53/udp', parsePort)
    .option('--protocol <name>', 'tcp, udp or icmp; tcp where a port is given')
    .option('--at <time>', 'the moment, RFC 3339 (2026-11-22T18:00:00Z); now by default', parseTime)
    .option('--from <address>', 'the address that the request comes from')
    .option('--client <id>', 'the device: what is known of it stands in for what is not given')
    .option('--provider <id>', 'the identity provider of the sign-in')
    .option('--verified', 'suppose that the device is verified')
    .option('--no-verified', 'suppose that it is not')
    .action(async (options: Options) => {
      const { actor, resource, port, protocol, at, from, client, provider, verified } = options
      const kind = protocol ?? port?.protocol
      const body = {
        actor,
        resource,
        ...(kind === undefined ? {} : { protocol: kind }),
        ...(port === undefined ? {} : { port: port.port }),
        ...(at === undefined ? {} : { at }),
        ...(from === undefined ? {} : { remote_ip: from }),
        ...(client === undefined ? {} : { client_id: client }),
        ...(provider === undefined ? {} : { identity_provider_id: provider }),
        ...(verified === undefined ? {} : { client_verified: verified }),
      }
      const answer = (await askPortal({ method: 'POST', path: '/policies/explain', body }, options, context)) as {
        is_allowed: boolean
        text: string[]
      }
      if (options.json === true) context.output.json(answer)
      else context.output.print(answer.text.join('\n'))
      context.exit(answer.is_allowed ? ExitCode.done : ExitCode.denied)
    })
    .addHelpText(
      'after',
      `
Asks the portal's API with the token of an admin: PORTREEVE_TOKEN, --token-file, or that of portreeve login. Ends with 0 where access would be granted,
with 6 where it would not.

Examples:
  $ portreeve explain --actor ada@example.org --resource gitlab.example.org --port 443
  $ portreeve explain --actor ada@example.org --resource 10.1.2.3 --from 192.0.2.7 --at 2026-11-22T18:00:00Z --json`,
    )

const parsePort = (text: string): { port: number; protocol?: string } => {
  const [, port, protocol] = /^(\d{1,5})(?:\/(tcp|udp))?$/i.exec(text) ?? []
  const number = Number(port)
  if (port === undefined || number < 1 || number > 65_535) throw new InvalidArgumentError('Write 443, or 53/udp.')
  return { port: number, ...(protocol === undefined ? {} : { protocol: protocol.toLowerCase() }) }
}

const parseTime = (text: string): string => {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new InvalidArgumentError('Write it like 2026-11-22T18:00:00Z.')
  return new Date(time).toISOString()
}
