import { Command } from 'commander'
import type { ApiClient } from '../api/index.ts'
import type { CommandContext } from './context.ts'
import { idOfName, namesOfIds, type Row } from './named-rows.ts'
import { NOUNS, type Noun } from './nouns.ts'
import { asking, openPortal, withApiOptions, type ApiOptions } from './portal-api.ts'
import { rowsText } from './row-text.ts'

/** Builds `members`, `add-member` and `remove-member` of groups. */
export const memberCommands = (group: Noun, context: CommandContext): readonly Command[] => [
  membersCommand(group, context),
  changeCommand(group, { name: 'add-member', text: 'Adds actors to a group.', key: 'add' }, context),
  changeCommand(group, { name: 'remove-member', text: 'Takes actors out of a group.', key: 'remove' }, context),
]

const membersCommand = (group: Noun, context: CommandContext): Command =>
  withApiOptions(new Command('members').description('Lists the members of a group.'))
    .argument('<group>', 'its name, or its id')
    .action(async (text: string, options: ApiOptions) => {
      const api = await openPortal(options, context)
      await asking(async () => {
        const id = await idOfName(api, group, text)
        const members: Row[] = []
        for await (const row of api.all('GET /groups/{id}/memberships', { path: { id } })) members.push(row)
        if (options.json === true) context.output.json({ data: members })
        else await tell(api, members, { context, empty: 'The group has no members.' })
      })
    })

const changeCommand = (
  group: Noun,
  { name, text, key }: { name: string; text: string; key: 'add' | 'remove' },
  context: CommandContext,
): Command =>
  withApiOptions(new Command(name).description(text))
    .argument('<group>', 'its name, or its id')
    .argument('<actor...>', 'e-mail addresses, names or ids')
    .action(async (groupName: string, actorNames: string[], options: ApiOptions) => {
      const api = await openPortal(options, context)
      await asking(async () => {
        const actor = NOUNS['actor'] ?? group
        const id = await idOfName(api, group, groupName)
        const ids: string[] = []
        for (const each of actorNames) ids.push(await idOfName(api, actor, each))
        const answer = await api.call('PATCH /groups/{id}/memberships', { path: { id }, body: { [key]: ids } })
        if (options.json === true) context.output.json({ data: answer.data })
        else await tell(api, answer.data, { context, empty: 'The group has no members left.' })
      })
    })

const tell = async (
  api: ApiClient,
  members: readonly Row[],
  { context: { output }, empty }: { context: CommandContext; empty: string },
): Promise<void> => {
  if (members.length === 0) return output.print(empty)
  const columns = ['actor_id']
  output.print(rowsText(members, { columns, names: await namesOfIds(api, members, columns) }))
}
