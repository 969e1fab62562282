import { z } from 'zod'
import type { Change } from '../../store/entities.ts'
import { auditedSettings } from '../../settings/audited-settings.ts'
import { Problem } from '../http/problem.ts'
import { fileChanges } from './access-file-changes.ts'
import { AS } from './body-fields.ts'
import { AccessFile, FileOutcome, SECTIONS, ShownAccessFile, type Section } from './access-file-body.ts'
import { exportedFile } from './access-file-export.ts'
import { AccessFileRows } from './access-file-rows.ts'
import { failedTests, judgedTests } from './access-file-tests.ts'
import { writeAccessFile } from './access-file-write.ts'
import { ApiCalls, callerOf } from './call-api.ts'
import { scopeOf } from './collection.ts'
import type { ApiContext, ApiMiddleware, Endpoint } from './endpoint.ts'
import { JoinedStore } from './joined-store.ts'
import { judgedPairs } from './judged-pairs.ts'
import type { ApiParts } from './parts.ts'
import { jsonBody, queryOf } from './read-body.ts'
import { checkMatch, tablesVersion } from './row-version.ts'

const BODY_KIB = 4_096
/** Pairs of actor and resource that an answer names. */
const SHOWN_PAIRS = 1_000

const Flag = z.enum(['true', 'false']).default('false')
const WriteQuery = z.strictObject({
  dry_run: Flag.describe('Whether to say only what would change, who would gain or lose access, and which tests hold'),
  prune: Flag.describe(
    'Whether to remove what an earlier file named and this one does not, in those sections that this one has',
  ),
})
const NAMES = Object.keys(SECTIONS) as [Section, ...Section[]]
const ReadQuery = z.strictObject({
  sections: z
    .string()
    .optional()
    .transform((text) => (text === undefined || text === '' ? NAMES : text.split(',')))
    .pipe(z.array(z.enum(NAMES)))
    .meta({ [AS]: { type: 'array', items: { type: 'string', enum: NAMES } } })
    .describe('Sections to answer with, separated by commas; all of them if left out'),
})

/** Kinds of rows that an access file is about; their version is that of the file. */
const VERSIONED = ['sites', 'resources', 'actors', 'groups', 'memberships', 'identity_providers', 'policies'] as const

/**
 * Operations on the access file, an account's configuration as one document. Each of its objects is written by the API's own
 * operation, which `endpointsOf` makes for a store, in one transaction.
 */
export const accessFileEndpoints = (parts: ApiParts, endpointsOf: (parts: ApiParts) => Endpoint[]): Endpoint[] => {
  const body = jsonBody(AccessFile, BODY_KIB * 1_024)
  const [writeQuery, readQuery] = [queryOf(WriteQuery), queryOf(ReadQuery)]
  const settings = auditedSettings(parts)
  let made: { joined: JoinedStore; calls: ApiCalls; single: ApiCalls } | undefined
  const make = ({ app, state: { versionKey } }: ApiContext) => {
    const joined = new JoinedStore(parts.store)
    return {
      joined,
      calls: new ApiCalls(endpointsOf({ ...parts, store: joined.store }), { app, versionKey }),
      single: new ApiCalls(endpointsOf(parts), { app, versionKey }),
    }
  }

  const write: ApiMiddleware = async (ctx) => {
    const { joined, calls } = (made ??= make(ctx))
    const { tests = [], ...file } = body.of(ctx)
    const { dry_run, prune } = writeQuery.of(ctx)
    const isDryRun = dry_run === 'true'
    const changes: Change[] = []
    const scope = {
      ...scopeOf(ctx),
      ...(isDryRun ? { rehearsal: (made: readonly Change[]) => void changes.push(...made) } : {}),
    }
    const done = await joined.run(scope, async (tx) => {
      const version = await tablesVersion(ctx, tx, VERSIONED)
      checkMatch(ctx, version)
      const rows = new AccessFileRows(calls, callerOf(ctx))
      await writeAccessFile(rows, tx, { file, isPruning: prune === 'true' })
      const verdicts = await judgedTests(ctx, { tests, rows, tx, decisions: parts.decisions })
      const errors = failedTests(verdicts)
      if (errors.length > 0 && !isDryRun) {
        const detail = `Nothing was done: ${errors.length} of ${verdicts.length} tests do not hold.`
        throw new Problem(422, 'tests_failed', detail, { errors })
      }
      return {
        version: isDryRun ? version : await tablesVersion(ctx, tx, VERSIONED),
        shown: await fileChanges(tx.changes, { reader: tx, settings }),
        verdicts,
      }
    })
    const outcome: FileOutcome = {
      is_dry_run: isDryRun,
      changes: done.shown,
      access: isDryRun ? await accessOf(parts, ctx, changes) : null,
      tests: done.verdicts,
    }
    ctx.set('ETag', done.version)
    ctx.body = outcome
  }

  const show: ApiMiddleware = async (ctx) => {
    const { single } = (made ??= make(ctx))
    const reader = parts.store.reader(ctx.state.account.id)
    ctx.set('ETag', await tablesVersion(ctx, reader, VERSIONED))
    ctx.body = await exportedFile(new AccessFileRows(single, callerOf(ctx)), reader, readQuery.of(ctx).sections)
  }

  return [
    {
      method: 'GET',
      path: '/access_file',
      needs: 'policies:read',
      summary: 'Shows the account’s configuration as one document',
      description:
        'Shows sites, resources, actors, groups with their members, identity providers and policies, with names in place of ids and without secrets. To write it back changes nothing. Needs the permission to read each kind that is shown.',
      query: ReadQuery,
      status: 200,
      answer: ShownAccessFile,
      story: [show],
    },
    {
      method: 'POST',
      path: '/access_file',
      needs: 'policies:read',
      summary: 'Makes the account what a document says, in one transaction',
      description:
        'Creates and changes what the document names, all or nothing; names are the keys. Members that an object leaves out have their defaults, but members of groups and secrets stay. Nothing is removed without `prune`. ' +
        'Tests of the document are judged within the transaction: if one fails, nothing is done (422 tests_failed). With If-Match, the ETag of a dry run or of GET, nothing is done if somebody changed something since. ' +
        'Each object needs the permission to write its kind, tests the permission explain:read.',
      query: WriteQuery,
      body: AccessFile,
      bodyKiB: BODY_KIB,
      status: 200,
      answer: FileOutcome,
      story: [body.read, write],
    },
  ]
}

const accessOf = async (
  { decisions }: Pick<ApiParts, 'decisions'>,
  ctx: ApiContext,
  changes: readonly Change[],
): Promise<FileOutcome['access']> => {
  const { pairs, kept, isWhole } = await judgedPairs(decisions, ctx, changes)
  const shown = pairs
    .map(({ effect, actor, resource, why }) => ({
      effect,
      actor: actor.email ?? actor.name,
      resource: resource.name,
      why,
    }))
    .toSorted((a, b) => a.actor.localeCompare(b.actor) || a.resource.localeCompare(b.resource))
  return { pairs: shown.slice(0, SHOWN_PAIRS), count: pairs.length, kept, is_whole: isWhole }
}
