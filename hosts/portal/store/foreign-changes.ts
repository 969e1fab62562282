import type { Knex } from 'knex'
import type { ListExpressions } from './dialect.ts'
import type { Change, EntityName, Rows } from './entities.ts'
import { KnexReader } from './knex-reader.ts'
import { decodeRow } from './row-codec.ts'
import type { Statements } from './statements.ts'
import { ENTITY_NAMES } from './tables.ts'

/** Changes that other processes have committed, or all rows if some of them are not known. */
export type ForeignChanges = { changes: readonly Change[] } | { rows: Rows }

interface OutboxEntry {
  sequence: unknown
  entity: EntityName
  account_id: string
  entity_id: string
}

/**
 * Reads the changes that other processes, such as `portal init`, have committed after the outbox's entry `told`, without
 * the previous versions of the rows; or all rows if entries of the outbox are missing.
 */
export const foreignChanges = async ({
  database,
  statements,
  expressions,
  told,
}: {
  database: Knex.Transaction
  statements: Statements
  expressions: ListExpressions
  told: number
}): Promise<ForeignChanges> => {
  const after = 'SELECT * FROM "outbox" WHERE "sequence" > ? ORDER BY "sequence"'
  const entries = (await statements.all(after, [told])) as unknown[] as OutboxEntry[]
  // A process that was away for longer than entries are kept finds a gap, or an outbox that ends before its own
  // position (emptied, or restored from a backup). A rolled back write leaves a gap as well; that only costs a
  // reload.
  const first = entries[0]
  const isMissing = first === undefined ? (await lastSequence(statements)) < told : Number(first.sequence) > told + 1
  if (isMissing) return { rows: await loadRows(database) }
  const present = await rowsOf(database, entries, expressions)
  return {
    changes: entries.map(({ entity, account_id: accountId, entity_id: id }) => {
      const row = present.get(keyOf(accountId, entity))?.get(id)
      return { entity, accountId, id, ...(row === undefined ? {} : { after: row }) } as Change
    }),
  }
}

const keyOf = (accountId: string, entity: EntityName): string => `${entity} ${accountId}`

/** Reads the rows of the entries as they are, by one query for each table of each account. */
const rowsOf = async (
  database: Knex.Transaction,
  entries: readonly OutboxEntry[],
  expressions: ListExpressions,
): Promise<ReadonlyMap<string, ReadonlyMap<string, unknown>>> => {
  const wanted = new Map<string, { accountId: string; entity: EntityName; ids: Set<string> }>()
  for (const { entity, account_id: accountId, entity_id: id } of entries) {
    const key = keyOf(accountId, entity)
    const found = wanted.get(key) ?? { accountId, entity, ids: new Set<string>() }
    wanted.set(key, found)
    found.ids.add(id)
  }
  const present = new Map<string, ReadonlyMap<string, unknown>>()
  for (const [key, { accountId, entity, ids }] of wanted)
    present.set(key, await new KnexReader(database, accountId, expressions).getAll(entity, ids))
  return present
}

/** Reads all rows of all accounts. */
export const loadRows = async (database: Knex): Promise<Rows> => {
  const tables: [EntityName, unknown[]][] = []
  for (const name of ENTITY_NAMES) {
    const rows = (await database(name).orderBy(['created_at', 'id'])) as Record<string, unknown>[]
    tables.push([name, rows.map((row) => decodeRow(name, row))])
  }
  return Object.fromEntries(tables) as Rows
}

/** Returns the sequence number of the outbox's last entry; 0 if it is empty. */
export const lastSequence = async (statements: Statements): Promise<number> =>
  Number((await statements.all('SELECT max("sequence") AS "last" FROM "outbox"'))[0]?.['last'] ?? 0)
