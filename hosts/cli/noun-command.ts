// The commands for one kind of object: `list`, `show`, `create`, `edit` and `delete`, all from the description of the API.
import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { ApiClient } from '../api/index.ts'
import type { DescribedOperation, Description } from '../api/generate/type-text.ts'
import { apiDescription, bodyOf, operationOf } from './api-description.ts'
import type { CommandContext } from './context.ts'
import { memberCommands } from './member-commands.ts'
import { idOfName, namesOfIds, type Row } from './named-rows.ts'
import { deleteCommand } from './noun-delete.ts'
import { NOUN_OF_ID, NOUNS, type Noun } from './nouns.ts'
import { asking, openPortal, withApiOptions, type ApiOptions } from './portal-api.ts'
import { rowsText, rowText } from './row-text.ts'
import { flagOf, type Flag } from './schema-flags.ts'

type Options = ApiOptions & Readonly<Record<string, unknown>>

/** Builds the command for one kind of object, with a subcommand for each operation that the API has for it. */
export const nounCommand = async (noun: Noun, context: CommandContext): Promise<Command> => {
  const api = await apiDescription()
  const command = new Command(noun.name)
  const path = `/${noun.collection}`
  const [list, show] = [operationOf(api, 'get', path), operationOf(api, 'get', `${path}/{id}`)]
  const [create, edit] = [operationOf(api, 'post', path), operationOf(api, 'patch', `${path}/{id}`)]
  if (list !== undefined) command.addCommand(listCommand(noun, list, context))
  if (show !== undefined) command.addCommand(showCommand(noun, show, context))
  if (create !== undefined)
    command.addCommand(createCommand(noun, { name: 'create', path, operation: create }, context))
  if (noun.creations !== undefined) command.addCommand(creationsCommand(noun, api, context))
  if (edit !== undefined) command.addCommand(editCommand(noun, edit, context))
  if (operationOf(api, 'delete', `${path}/{id}`) !== undefined) command.addCommand(deleteCommand(noun, context))
  if (noun.name === 'group') for (const each of memberCommands(noun, context)) command.addCommand(each)
  return command.addHelpText(
    'after',
    `
Names may stand where ids do; one that several have is an error that lists them. The token is that of portreeve login, of
PORTREEVE_TOKEN, or of --token-file.

Examples:
${noun.examples.map((example) => `  $ portreeve ${example}`).join('\n')}`,
  )
}

const listCommand = (noun: Noun, operation: DescribedOperation, context: CommandContext): Command => {
  const filters = operation.parameters
    .filter((each) => each.in === 'query' && each.name !== 'format')
    .map(({ name, schema, description }) =>
      flagOf(name, description === undefined ? schema : { ...schema, description }),
    )
  const command = withFlags(withApiOptions(new Command('list').description(`${operation.summary}.`)), filters)
  return command.option('--all', 'all pages, one after the other').action(async (options: Options) => {
    const api = await openPortal(options, context)
    await asking(async () => {
      const query = await valuesOf(api, filters, options)
      const name = `GET /${noun.collection}`
      const page = options['all'] === true ? await wholeList(api, name, query) : await onePage(api, name, query)
      if (options.json === true) return context.output.json(page)
      const names = await namesOfIds(api, page.data, noun.columns)
      context.output.print(
        page.data.length === 0
          ? `There is no ${noun.name}${isFiltered(query) ? ' like that' : ''}.`
          : rowsText(page.data, { columns: noun.columns, names }),
      )
      if (page.next_cursor !== null) {
        context.output.tell(`${page.total ?? 'More'} in all. There is more: --all, or --cursor ${page.next_cursor}`)
      }
    })
  })
}

interface Page {
  data: readonly Row[]
  next_cursor: string | null
  total?: number
}

const onePage = async (api: ApiClient, name: string, query: Readonly<Record<string, unknown>>): Promise<Page> =>
  (await api.sendUntyped(name, { query })).body as Page

const wholeList = async (api: ApiClient, name: string, query: Readonly<Record<string, unknown>>): Promise<Page> => {
  const data: Row[] = []
  for await (const row of api.allUntyped(name, { query })) data.push(row as Row)
  return { data, next_cursor: null, total: data.length }
}

const isFiltered = (query: Readonly<Record<string, unknown>>): boolean =>
  Object.entries(query).some(([key, value]) => value !== undefined && !['limit', 'cursor', 'sort'].includes(key))

const showCommand = (noun: Noun, operation: DescribedOperation, context: CommandContext): Command =>
  withApiOptions(new Command('show').description(`${operation.summary}.`))
    .argument(`<${noun.name}>`, NAMED)
    .action(async (text: string, options: Options) => {
      const api = await openPortal(options, context)
      await asking(async () => {
        const id = await idOfName(api, noun, text)
        const { body } = await api.sendUntyped(`GET /${noun.collection}/{id}`, { path: { id } })
        await tellRow(api, body as Row, { options, context })
      })
    })

const NAMED = 'its name, or its id'

interface Creation {
  name: string
  path: string
  operation: DescribedOperation
  /** Noun of the id in the path. */
  parent?: string | undefined
}

const createCommand = (noun: Noun, creation: Creation, context: CommandContext): Command => {
  const { name, path, operation, parent } = creation
  const { properties = {}, required = [] } = bodyOf(operation) ?? {}
  const isNamed = required.includes('name')
  const flags = Object.entries(properties)
    .filter(([member]) => !(isNamed && member === 'name'))
    .map(([member, schema]) => flagOf(member, schema, required.includes(member)))
  const command = withFlags(withApiOptions(new Command(name).description(`${operation.summary}.`)), flags)
  if (isNamed) command.argument('<name>', 'its name')
  if (parent !== undefined) command.requiredOption(`--${parent} <${parent}>`, `the ${parent}: ${NAMED}`)
  return command.action(async (...given: unknown[]) => {
    const options = given.at(isNamed ? 1 : 0) as Options
    const api = await openPortal(options, context)
    await asking(async () => {
      const body = { ...(isNamed ? { name: given[0] } : {}), ...(await valuesOf(api, flags, options)) }
      const owner = NOUNS[parent ?? '']
      const id = owner === undefined ? undefined : await idOfName(api, owner, String(options[parent ?? '']))
      const answer = await api.sendUntyped(`POST ${path}`, { ...(id === undefined ? {} : { path: { id } }), body })
      await tellRow(api, answer.body as Row, { options, context })
      if (noun.name === 'token') context.output.tell('The token is shown this once.')
    })
  })
}

const creationsCommand = (noun: Noun, api: Description, context: CommandContext): Command => {
  const command = new Command('create').description(`Creates a ${noun.name}: say which kind.`)
  for (const [name, { path, parent, text }] of Object.entries(noun.creations ?? {})) {
    const operation = operationOf(api, 'post', path)
    if (operation === undefined) continue
    command.addCommand(createCommand(noun, { name, path, operation, parent }, context).description(text))
  }
  return command
}

const editCommand = (noun: Noun, operation: DescribedOperation, context: CommandContext): Command => {
  const flags = Object.entries(bodyOf(operation)?.properties ?? {}).map(([member, schema]) => flagOf(member, schema))
  return withFlags(withApiOptions(new Command('edit').description(`${operation.summary}.`)), flags)
    .argument(`<${noun.name}>`, NAMED)
    .action(async (text: string, options: Options) => {
      const api = await openPortal(options, context)
      await asking(async () => {
        const body = await valuesOf(api, flags, options)
        if (Object.keys(body).length === 0) {
          throw new OperatorError('USAGE', 'there is nothing to change.', `See portreeve ${noun.name} edit --help.`)
        }
        const id = await idOfName(api, noun, text)
        const answer = await api.sendUntyped(`PATCH /${noun.collection}/{id}`, { path: { id }, body })
        await tellRow(api, answer.body as Row, { options, context })
      })
    })
}

const withFlags = (command: Command, flags: readonly Flag[]): Command => {
  for (const option of flags.flatMap(({ options }) => options)) command.addOption(option)
  return command
}

/** Returns the members that flags have set, with names converted to ids. */
const valuesOf = async (
  api: ApiClient,
  flags: readonly Flag[],
  options: Options,
): Promise<Readonly<Record<string, unknown>>> => {
  const values: Record<string, unknown> = {}
  for (const { key, member, noun, isList, read } of flags) {
    const given = options[key]
    if (given === undefined) continue
    const owner = noun === undefined ? undefined : NOUNS[noun]
    if (owner === undefined || given === false) values[member] = await read(given)
    else if (isList)
      values[member] = await Promise.all((given as string[]).map(async (each) => idOfName(api, owner, each)))
    else values[member] = await idOfName(api, owner, given as string)
  }
  return values
}

const tellRow = async (
  api: ApiClient,
  row: Row,
  { options, context }: { options: Options; context: CommandContext },
): Promise<void> => {
  if (options.json === true) context.output.json(row)
  else context.output.print(rowText(row, await namesOfIds(api, [row], Object.keys(NOUN_OF_ID))))
}
