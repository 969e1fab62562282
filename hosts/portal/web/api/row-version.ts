import { Readable } from 'node:stream'
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import type { Entities, EntityName } from '../../store/entities.ts'
import { TABLES } from '../../store/tables.ts'
import type { Reader } from '../../store/store.ts'
import { Problem } from '../http/problem.ts'
import type { ApiContext, ApiMiddleware } from './endpoint.ts'

/** Members of answers that change without anybody changing the row, and so must not make a change fail. */
const BY_ITSELF = new Set([
  'is_connected',
  'last_seen_at',
  'last_seen_version',
  'last_used_at',
  'load',
  'paths',
  'problems',
])

/**
 * Computes the ETag of a row and its JSON form (RFC 9110 §8.8.3): a MAC of the row including secrets, then, if the
 * answer has members that change by themselves, a dot and a hash of those. A MAC, because guesses of a secret could be
 * checked against a plain hash.
 */
export const rowVersion = <Name extends EntityName>(
  ctx: ApiContext,
  name: Name,
  row: Entities[Name],
  shown: unknown,
): string => {
  const { columns, quiet } = TABLES[name] as { columns: object; quiet: readonly string[] }
  const cells = Object.keys(columns)
    .filter((column) => column !== 'updatedAt' && !quiet.includes(column))
    .map((column) => row[column as keyof Entities[Name]] ?? null)
  const moving = Object.entries(shown as object).filter(([key]) => BY_ITSELF.has(key))
  const sight = moving.length === 0 ? '' : `.${digest(createHash('sha256'), moving).slice(0, 8)}`
  return `"${keyed(ctx, [name, cells])}${sight}"`
}

/** Computes the ETag of a list from the ids of its rows. */
export const idsVersion = (ctx: ApiContext, rows: readonly { id: string }[]): string =>
  `"${keyed(ctx, rows.map(({ id }) => id).toSorted())}"`

/** Computes the ETag of all rows of some tables. */
export const tablesVersion = async (ctx: ApiContext, reader: Reader, names: readonly EntityName[]): Promise<string> => {
  const tables: unknown[] = []
  for (const name of names) {
    const { columns, quiet } = TABLES[name] as { columns: object; quiet: readonly string[] }
    const kept = Object.keys(columns).filter((column) => !quiet.includes(column))
    const rows = (await reader.list(name)) as object[] as Record<string, unknown>[]
    const cells = rows.map((row) => kept.map((column) => row[column] ?? null))
    tables.push([name, cells.map((row) => JSON.stringify(row)).toSorted()])
  }
  return `"${keyed(ctx, tables)}"`
}

/**
 * Checks If-Match (RFC 9110 §13.1.1): refuses a change that is based on an outdated version. Without the header the
 * last change wins.
 * @throws Problem 412
 */
export const checkMatch = (ctx: ApiContext, version: string): void => {
  const wanted = ctx.get('if-match').trim()
  if (wanted === '' || wanted === '*') return
  if (wanted.split(',').some((each) => versionPart(each.trim()) === versionPart(version))) return
  throw new Problem(412, 'precondition_failed', 'Somebody changed this meanwhile: read it again.', {
    headers: { ETag: version },
  })
}

/** Answers 304 to a caller that has the same version already (If-None-Match, RFC 9110 §13.1.2). */
export const answerIfNew: ApiMiddleware = async (ctx, next) => {
  await next()
  if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return
  ctx.set('Cache-Control', 'private, no-cache')
  // A stream has no version before its end.
  if (ctx.status !== 200 || ctx.body instanceof Readable) return
  if (!ctx.res.hasHeader('etag')) {
    ctx.set('ETag', `"${digest(createHash('sha256'), ctx.body ?? null).slice(0, 22)}"`)
  }
  if (!isKnown(ctx)) return
  ctx.status = 304
  ctx.body = null
}

/**
 * Whether If-None-Match names the ETag of this answer. Ignores `no-cache` beside it, which Node's fetch sends and which
 * is meant for caches.
 */
export const isKnown = (ctx: Pick<ApiContext, 'get' | 'response'>): boolean => {
  const known = ctx.get('if-none-match').trim()
  const etag = ctx.response.get('etag')
  return known === '*' || known.split(',').some((each) => each.trim().replace(/^W\//, '') === etag)
}

const versionPart = (tag: string): string => tag.replace(/\.[\w-]*"$/, '"')

const keyed = (ctx: ApiContext, value: unknown): string =>
  digest(createHmac('sha256', ctx.state.versionKey), value).slice(0, 22)

const digest = (hash: Hash | Hmac, value: unknown): string => {
  hash.update(typeof value === 'string' ? value : JSON.stringify(value))
  return hash.digest('base64url')
}
