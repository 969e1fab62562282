import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { AnswerOf, ApiClient, ApiError, InputOf } from '../api/index.ts'
import { readAccessFile, type ReadAccessFile } from './access-file.ts'
import { changesText, outcomeText } from './access-outcome.ts'
import { confirmed } from './confirm.ts'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'
import { asking, openPortal, withApiOptions, type ApiOptions } from './portal-api.ts'

interface Options extends ApiOptions {
  file: string
  dryRun?: true
  prune?: true
  yes?: true
}

type Outcome = AnswerOf<'POST /access_file'>

/** Builds `portreeve apply`, which makes an account what an access file says. */
export const applyCommand = (context: CommandContext): Command =>
  withApiOptions(new Command('apply'))
    .requiredOption('-f, --file <file>', 'the access file, YAML; - for standard input')
    .option('--dry-run', 'say only what would change, who would gain or lose access, and which tests hold')
    .option('--prune', 'remove what an earlier file named and this one does not, in the sections that it has')
    .option('--yes', 'do not ask on a terminal')
    .action(async (options: Options) => {
      const { output } = context
      const api = await openPortal(options, context)
      const file = await readAccessFile(options.file, context.env)
      const body = file.content as InputOf<'POST /access_file'>['body']
      const query = { prune: pruneOf(options) }
      const { body: planned, etag } = await placed(file, async () =>
        api.send('POST /access_file', { query: { ...query, dry_run: 'true' }, body }),
      )
      const failing = planned.tests.filter(({ holds }) => !holds)
      if (options.json !== true) output.print(outcomeText(planned))
      if (options.dryRun === true || failing.length > 0) {
        if (options.json === true) output.json(planned)
        if (failing.length > 0) {
          if (options.dryRun !== true) output.tell('Nothing was done, because tests do not hold.')
          context.exit(ExitCode.denied)
        }
        return
      }
      const isUnchanged = planned.changes.length === 0
      const yes = options.yes ?? options.json ?? isUnchanged
      if (!(await confirmed(async () => Promise.resolve('Make it so?'), { yes, context }))) {
        output.tell('Nothing was done.')
        context.exit(ExitCode.failed)
        return
      }
      // A file that changes nothing is written as well: the portal notes what it names, for --prune of a later one.
      const done = await write(api, file, { query, body, ifMatch: etag })
      if (options.json === true) output.json({ ...done, access: planned.access })
      else if (!isUnchanged) output.tell(`Done: ${changesText(done)}.`)
    })
    .addHelpText(
      'after',
      `
An access file has sites, resources, actors, groups with their members, identity providers, policies, and tests, as config/access.yaml of
this package shows; portreeve export writes one. Names are the keys. All of it is done in one transaction, or nothing; nothing is done
either if a test does not hold (6), or if somebody changed the account since the difference was shown. Nothing is removed without --prune.
Secrets are { from_env: NAME } or { from_file: PATH }.

Examples:
  $ portreeve apply -f access.yaml --dry-run
  $ portreeve apply -f access.yaml --prune
  $ portreeve export | portreeve apply -f - --json`,
    )

const pruneOf = ({ prune }: Options): 'true' | 'false' => (prune === true ? 'true' : 'false')

const write = async (api: ApiClient, file: ReadAccessFile, input: InputOf<'POST /access_file'>): Promise<Outcome> =>
  placed(file, async () => {
    try {
      return await api.call('POST /access_file', input)
    } catch (error) {
      if ((error as Partial<ApiError>).code !== 'precondition_failed') throw error
      throw new OperatorError(
        'ACCOUNT_CHANGED',
        'somebody changed the account since this difference was found, so nothing was done.',
        'Run it again, and look at the difference anew.',
      )
    }
  })

/** Runs a call, and tells its refusals with the lines of the file. */
const placed = async <T>(file: ReadAccessFile, call: () => Promise<T>): Promise<T> =>
  asking(async () => {
    try {
      return await call()
    } catch (error) {
      const { problem } = error as Partial<ApiError>
      if (problem?.errors === undefined) throw error
      const lines = problem.errors.map(({ path, message }) => `\n  ${file.placeOf(path) ?? ''} ${path}: ${message}`)
      throw new OperatorError(
        'PORTAL_REFUSED',
        `the portal answers ${problem.status}: ${problem.detail}${lines.join('')}`,
      )
    }
  })
