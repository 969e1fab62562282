import { Command } from 'commander'
import type { AnswerOf } from '../api/index.ts'
import { confirmed } from './confirm.ts'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'
import { idOfName } from './named-rows.ts'
import type { Noun } from './nouns.ts'
import { asking, openPortal, withApiOptions, type ApiOptions } from './portal-api.ts'

interface Options extends ApiOptions {
  dryRun?: true
  cascade?: true
  yes?: true
}

type Removal = Exclude<AnswerOf<'DELETE /sites/{id}'>, undefined>

/** Builds `delete` of a noun: says what goes along, asks on a terminal, and deletes. */
export const deleteCommand = (noun: Noun, context: CommandContext): Command =>
  withApiOptions(
    new Command('delete').description(`Deletes a ${noun.name}; on a terminal it says what goes along, and asks.`),
  )
    .argument(`<${noun.name}>`, 'its name, or its id')
    .option('--dry-run', 'say only what would go along, and who would lose access')
    .option(
      '--cascade',
      'delete what was made for it as well: policies, the resources and gateways of a site, identities',
    )
    .option('--yes', 'do not ask')
    .action(async (text: string, options: Options) => {
      const api = await openPortal(options, context)
      await asking(async () => {
        const id = await idOfName(api, noun, text)
        const call = async (query: object) =>
          (await api.sendUntyped(`DELETE /${noun.collection}/{id}`, { path: { id }, query: { ...query } }))
            .body as Removal
        if (options.dryRun === true) {
          const removal = await call({ dry_run: true })
          if (options.json === true) context.output.json(removal)
          else context.output.print(removalText(removal))
          return
        }
        const question = async (): Promise<string> =>
          `${removalText(await call({ dry_run: true }))}\nDelete the ${noun.name} ${text}?`
        if (!(await confirmed(question, { yes: options.yes, context }))) {
          context.output.tell('Nothing was deleted.')
          context.exit(ExitCode.failed)
          return
        }
        await call({ cascade: options.cascade === true })
        if (options.json === true) context.output.json({ id })
        else context.output.print(`Deleted the ${noun.name} ${text}.`)
      })
    })

const removalText = ({ rows, loses, refused_tokens: tokens }: Removal): string => {
  const along = rows.map(
    ({ kind, count, names }) => `  ${count} of ${kind}${names.length === 0 ? '' : `: ${names.join(', ')}`}`,
  )
  const losers = loses.first.map(
    ({ actor, resource, why }) => `  ${actor.email ?? actor.name} to ${resource.name}: ${why}`,
  )
  const more = loses.count - loses.first.length
  return [
    along.length === 0 ? 'Nothing else would go along.' : 'This would go along:',
    ...along,
    ...(loses.count === 0
      ? ['Nobody would lose access.']
      : [`${loses.is_whole ? '' : 'At least '}${loses.count} would lose access:`]),
    ...losers,
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...(tokens.count === 0 ? [] : [`API tokens that would be refused from then on: ${tokens.names.join(', ')}`]),
  ].join('\n')
}
