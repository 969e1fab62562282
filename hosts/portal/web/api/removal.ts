// DELETE of a row that others depend on: says what goes with it, and does not take policies along unasked.
import { z } from 'zod'
import type { Change, EntityName } from '../../store/entities.ts'
import { rowName } from '../../store/row-name.ts'
import type { Reader } from '../../store/store.ts'
import { Problem } from '../http/problem.ts'
import { Id } from './body-fields.ts'
import type { ApiContext, ApiMiddleware } from './endpoint.ts'
import { judgedPairs } from './judged-pairs.ts'
import type { ApiParts } from './parts.ts'
import { queryOf } from './read-body.ts'

const Flag = z.enum(['true', 'false']).default('false')

/** Query of every DELETE. */
export const RemovalQuery = z.strictObject({
  dry_run: Flag.describe('Whether to say only what would go, and who would lose access'),
  cascade: Flag.describe(
    'Whether to remove what was made for the row as well: policies, the resources and gateways of a site, the identities of a provider. ' +
      'Without it, a row that has such is not removed: 409 in_use, with `removal`',
  ),
})

const query = queryOf(RemovalQuery)

const Names = z.array(z.string()).describe('The first 20 names')

/** Schema of what goes with a row. */
export const RemovalBody = z
  .object({
    rows: z
      .array(z.object({ kind: z.string().describe('Collection of the rows'), count: z.int(), names: Names }))
      .describe('Rows that go along'),
    loses: z
      .object({
        count: z.int(),
        first: z
          .array(
            z.object({
              actor: z.object({ id: Id, name: z.string(), email: z.string().nullable() }),
              resource: z.object({ id: Id, name: z.string() }),
              why: z.string(),
            }),
          )
          .describe('The first 20, by name of the actor'),
        is_whole: z.boolean().describe('Whether all were counted: false where there are too many pairs to judge'),
      })
      .describe('Actors that lose access to a resource at present'),
    refused_tokens: z
      .object({ count: z.int(), names: Names })
      .describe('API tokens that the actor made for others, which are refused without her'),
  })
  .meta({ id: 'Removal' })

type Removal = z.infer<typeof RemovalBody>

const SHOWN = 20

/** Rows that people made on their own, and that go with a row of another kind only if asked for. */
const MADE_APART: { readonly [Name in EntityName]?: readonly EntityName[] } = {
  sites: ['gateways', 'resources', 'policies'],
  groups: ['policies'],
  resources: ['policies'],
  identity_providers: ['identities'],
}

/** Thrown through the transaction of a removal that takes along what it was not asked to: nothing is kept. */
class TakesAlong extends Error {
  constructor(readonly changes: readonly Change[]) {
    super('the removal takes rows along')
  }
}

/** Makes the middleware that answers a dry run, and refuses to take rows along without being asked to. */
export const askBeforeRemoval =
  (parts: Pick<ApiParts, 'store' | 'decisions'>): ApiMiddleware =>
  async (ctx, next) => {
    const { dry_run, cascade } = query.of(ctx)
    if (dry_run === 'true') {
      const changes: Change[] = []
      ctx.state.rehearsal = (made) => changes.push(...made)
      await next()
      ctx.status = 200
      ctx.body = await removalOf(parts, ctx, changes)
      return
    }
    if (cascade === 'true') return next()
    ctx.state.approve = (changes) => {
      const [row] = changes.filter(({ id }) => id === idIn(ctx))
      const apart = row === undefined ? [] : (MADE_APART[row.entity] ?? [])
      if (changes.some(({ entity, after }) => after === undefined && apart.includes(entity)))
        throw new TakesAlong(changes)
    }
    await next().catch(async (error: unknown) => {
      if (!(error instanceof TakesAlong)) throw error
      const removal = await removalOf(parts, ctx, error.changes)
      throw new Problem(409, 'in_use', `${detailOf(removal)} Ask for that with ?cascade=true.`, { removal })
    })
  }

const idIn = (ctx: ApiContext): string => (ctx.params['id'] ?? '').toLowerCase()

const detailOf = ({ rows, loses }: Removal): string => {
  const along = rows.map(({ kind, count }) => `${count} of ${kind}`).join(', ')
  const losers = loses.count === 0 ? '' : ` ${loses.is_whole ? '' : 'At least '}${loses.count} would lose access.`
  return `This would remove as well: ${along}.${losers}`
}

const removalOf = async (
  { store, decisions }: Pick<ApiParts, 'store' | 'decisions'>,
  ctx: ApiContext,
  changes: readonly Change[],
): Promise<Removal> => {
  const reader = store.reader(ctx.state.account.id)
  const along = changes.filter(({ id, after }) => after === undefined && id !== idIn(ctx))
  const kinds = [...new Set(along.map(({ entity }) => entity))].toSorted()
  const rows = await Promise.all(
    kinds.map(async (kind) => {
      const gone = along.filter(({ entity }) => entity === kind)
      const names = await Promise.all(gone.slice(0, SHOWN).map(async (change) => nameOf(reader, change)))
      return { kind, count: gone.length, names: names.filter((name) => name !== '') }
    }),
  )
  const made = await reader.list('tokens', { where: { makerId: idIn(ctx), kind: 'api' } })
  const refused = made.filter(({ actorId }) => actorId !== idIn(ctx))
  return {
    rows,
    loses: await losesBy(decisions, ctx, changes),
    refused_tokens: { count: refused.length, names: refused.slice(0, SHOWN).map(({ name }) => name) },
  }
}

/** Returns the name of a row that would go; a policy without a description is named by its group and resource. */
const nameOf = async (reader: Reader, { entity, before }: Change): Promise<string> => {
  const name = rowName(before)
  if (name !== '' || entity !== 'policies' || before === undefined) return name
  const [group, resource] = await Promise.all([
    reader.get('groups', before.groupId),
    reader.get('resources', before.resourceId),
  ])
  return `${group?.name ?? ''} to ${resource?.name ?? ''}`
}

/** Judges who loses access by changes. */
const losesBy = async (
  decisions: ApiParts['decisions'],
  ctx: ApiContext,
  changes: readonly Change[],
): Promise<Removal['loses']> => {
  const { pairs, isWhole } = await judgedPairs(decisions, ctx, changes)
  const lost = pairs.filter(({ effect }) => effect === 'loses')
  const first = lost
    .toSorted((a, b) => a.actor.name.localeCompare(b.actor.name) || a.resource.name.localeCompare(b.resource.name))
    .slice(0, SHOWN)
    .map(({ actor, resource, why }) => ({ actor, resource, why }))
  return { count: lost.length, first, is_whole: isWhole }
}
