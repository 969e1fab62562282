import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { stringify } from 'yaml'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { InputOf } from '../api/index.ts'
import type { CommandContext } from './context.ts'
import { asking, openPortal, withApiOptions, type ApiOptions } from './portal-api.ts'

interface Options extends ApiOptions {
  output?: string
  only?: string
}

type Sections = NonNullable<NonNullable<InputOf<'GET /access_file'>['query']>['sections']>

const HEAD = `# Access file of a Portreeve account: portreeve apply -f FILE --dry-run shows what it would change.
# Members that are left out have their defaults. Secrets of providers are not exported; those left out stay as they are. Name them by
#   client_secret: { from_env: OIDC_SECRET }     or     { from_file: secrets/oidc }    (mode 0600)
`

/** Builds `portreeve export`, which writes an account as an access file. */
export const exportCommand = (context: CommandContext): Command =>
  withApiOptions(new Command('export'))
    .option('-o, --output <file>', 'write it there instead of printing it; a file that is there is not overwritten')
    .option(
      '--only <sections>',
      'these sections only, separated by commas: sites,resources,actors,groups,providers,policies',
    )
    .action(async ({ output: path, only, ...options }: Options) => {
      const api = await openPortal(options, context)
      const query = only === undefined ? {} : { sections: only.split(',') as Sections }
      const file = await asking(async () => api.call('GET /access_file', { query }))
      if (options.json === true) return context.output.json(file)
      // Aliases would be right, and hard to read.
      const text = `${HEAD}${stringify(file, { lineWidth: 0, aliasDuplicateObjects: false })}`
      if (path === undefined) return context.output.print(text.trimEnd())
      await writeFile(path, text, { flag: 'wx', mode: 0o640 }).catch((error: NodeJS.ErrnoException) => {
        throw new OperatorError('ACCESS_FILE_UNWRITABLE', `${path} cannot be written: ${error.code ?? error.message}.`)
      })
      context.output.tell(`Written to ${path}.`)
    })
    .addHelpText(
      'after',
      `
To apply what was exported changes nothing. People stand in it as actors, and in groups by their e-mail addresses; --only leaves them out.

Examples:
  $ portreeve export -o access.yaml
  $ portreeve export --only sites,resources,groups,policies`,
    )
