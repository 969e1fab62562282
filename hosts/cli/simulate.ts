import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { CommandContext } from './context.ts'
import { table } from './output.ts'
import { askPortal, withApiOptions, type ApiOptions } from './portal-api.ts'

interface Options extends ApiOptions {
  changes?: string
  disablePolicy?: string[]
  removePolicy?: string[]
  addMember?: string[]
  removeMember?: string[]
  removeResource?: string[]
  disableActor?: string[]
  at?: string
  from?: string
  limit?: string
  cursor?: string
}

interface Simulation {
  data: { effect: string; actor: { name: string; email: string | null }; resource: { name: string } }[]
  examined: number
  concerned: number
  next_cursor: string | null
}

/** Builds `portreeve simulate`, which shows who would gain or lose access by a change that is not made. */
export const simulateCommand = (context: CommandContext): Command =>
  withApiOptions(new Command('simulate'))
    .option('--disable-policy <id>', 'as if the policy were disabled', collect)
    .option('--remove-policy <id>', 'as if it were removed', collect)
    .option('--add-member <group id:actor id>', 'as if the actor were in the group', collect)
    .option('--remove-member <group id:actor id>', 'as if the actor were not', collect)
    .option('--remove-resource <id>', 'as if the resource were removed', collect)
    .option('--disable-actor <id>', 'as if the actor were disabled', collect)
    .option('--changes <file>', 'JSON: `changes` of POST /api/v1/policies/simulate')
    .option('--at <time>', 'the moment, RFC 3339; now by default')
    .option('--from <address>', 'suppose that requests come from there; else from where each device was last seen')
    .option('--limit <number>', 'pairs a page, 100 by default')
    .option('--cursor <text>', 'next_cursor of the page before')
    .action(async (options: Options) => {
      const { at, from, limit, cursor } = options
      const body = {
        changes: await changesOf(options),
        ...(at === undefined ? {} : { at }),
        ...(from === undefined ? {} : { remote_ip: from }),
        ...(limit === undefined ? {} : { limit: Number(limit) }),
        ...(cursor === undefined ? {} : { cursor }),
      }
      const request = { method: 'POST', path: '/policies/simulate', body } as const
      const answer = (await askPortal(request, options, context)) as Simulation
      if (options.json === true) context.output.json(answer)
      else context.output.print(describe(answer))
    })
    .addHelpText(
      'after',
      `
Nothing is changed. Asks the portal's API with the token of an admin: PORTREEVE_TOKEN, --token-file, or that of portreeve login.

Examples:
  $ portreeve simulate --disable-policy 8dcad00c-ee83-4379-b1cb-7e480ca8d273
  $ portreeve simulate --changes proposal.json --at 2026-12-24T12:00:00Z --json`,
    )

const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value]

const changesOf = async (options: Options): Promise<unknown[]> => {
  const byId = (change: string, ids: readonly string[] = []) => ids.map((id) => ({ change, id }))
  const member = (change: string, pairs: readonly string[] = []) =>
    pairs.map((pair) => {
      const [group_id = '', actor_id = ''] = pair.split(':')
      return { change, group_id, actor_id }
    })
  const changes = [
    ...(options.changes === undefined ? [] : await readChanges(options.changes)),
    ...byId('disable_actor', options.disableActor),
    ...(options.disablePolicy ?? []).map((id) => ({ change: 'update_policy', id, policy: { is_disabled: true } })),
    ...byId('remove_policy', options.removePolicy),
    ...byId('remove_resource', options.removeResource),
    ...member('add_membership', options.addMember),
    ...member('remove_membership', options.removeMember),
  ]
  if (changes.length > 0) return changes
  throw new OperatorError('USAGE', 'there is no change to simulate.', 'See portreeve simulate --help.')
}

const readChanges = async (file: string): Promise<unknown[]> => {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new OperatorError('CONFIG_UNREADABLE', `${file} cannot be read: ${error.code ?? error.message}.`)
  })
  try {
    const value = JSON.parse(text) as unknown
    if (Array.isArray(value)) return value
  } catch {
    // Reported below, as for JSON that is not a list.
  }
  throw new OperatorError('CONFIG_SYNTAX', `${file} has to be a JSON list of changes.`)
}

const describe = ({ data, examined, concerned, next_cursor }: Simulation): string => {
  const rows = data.map(({ effect, actor, resource }) => [effect, actor.email ?? actor.name, resource.name])
  const about = `${concerned} pairs of actors and resources concerned, ${examined} looked at, ${data.length} shown`
  const more = next_cursor === null ? [] : [`There is more: --cursor ${next_cursor}`]
  if (rows.length === 0) return [`Nobody would gain or lose access (${about}).`, ...more].join('\n')
  return [table([['EFFECT', 'ACTOR', 'RESOURCE'], ...rows]), '', `${about}.`, ...more].join('\n')
}
