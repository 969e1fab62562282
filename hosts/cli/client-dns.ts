import { Command } from 'commander'
import type { NameInspection } from '../client/names/name-inspection.ts'
import { ask, type AskOptions } from './ask.ts'
import type { CommandContext } from './context.ts'
import { table } from './output.ts'

/** Builds `portreeve client dns …`. */
export const clientDnsCommand = (context: CommandContext): Command =>
  new Command('dns').description('Asks the client’s resolver.').addCommand(queryCommand(context))

const queryCommand = (context: CommandContext): Command =>
  new Command('query')
    .description('Shows how a name is answered: by which rule, by whom, and how long it took.')
    .argument('<name>', 'the name')
    .option('-t, --type <type>', 'the type of record', 'A')
    .option('-c, --config <file>', 'the client’s configuration')
    .option('--json', 'print one JSON document')
    .action(async (name: string, { type, ...options }: AskOptions & { type: string }) => {
      const inspection = (await ask('dns-query', options, context, { name, type })) as NameInspection
      if (options.json === true) context.output.json(inspection)
      else context.output.print(describe(inspection))
    })
    .addHelpText(
      'after',
      `
Asks as an application would; a name of a resource is given addresses by it.

Examples:
  $ portreeve client dns query gitlab.example.org
  $ portreeve client dns query _ldap._tcp.example.org --type SRV
  $ portreeve client dns query www.example.com --json | jq -r .upstream`,
    )

const describe = ({
  name,
  type,
  rule,
  resources,
  upstream,
  site_trouble: trouble,
  code,
  answers,
  ms,
}: NameInspection): string =>
  [
    table([
      ['name', `${name} ${type}`],
      ['rule', RULES[rule]],
      ['resources', resources.map(({ name: called }) => called).join(', ') || '-'],
      ['upstream', upstream ?? '-'],
      ...(trouble === null ? [] : [['site', trouble]]),
      ['code', code],
      ['took', `${ms} ms`],
    ]),
    ...(answers.length === 0 ? [] : ['']),
    table(answers.map((answer) => [answer.name, String(answer.ttl), answer.type, answer.data])),
  ]
    .join('\n')
    .trimEnd()

const RULES: Readonly<Record<NameInspection['rule'], string>> = {
  resource: 'resource: answered here, with addresses of the tunnel',
  site: 'resource: answered by its site, through the tunnel',
  upstream: 'no resource: answered by an upstream resolver',
  resolver: 'answered here',
}
