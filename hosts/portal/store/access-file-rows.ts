import type { Knex } from 'knex'
import type { EntityName } from './entities.ts'

/** Row that an access file has named. */
export interface AccessFileRow {
  entity: EntityName
  id: string
}

/** Reads the rows of an account that access files have named; some of them may be gone. */
export const readAccessFileRows = async (database: Knex, accountId: string): Promise<AccessFileRow[]> => {
  const rows = (await database('access_file_rows')
    .where({ account_id: accountId })
    .orderBy(['entity', 'entity_id'])
    .select('entity', 'entity_id')) as { entity: EntityName; entity_id: string }[]
  return rows.map(({ entity, entity_id: id }) => ({ entity, id }))
}

/** Rows written at a time: SQLite limits the values of a statement. */
const AT_ONCE = 100

/** Notes which rows of an account access files have named, in place of those noted before. */
export const writeAccessFileRows = async (
  database: Knex,
  accountId: string,
  rows: readonly AccessFileRow[],
): Promise<void> => {
  await database('access_file_rows').where({ account_id: accountId }).delete()
  for (let at = 0; at < rows.length; at += AT_ONCE) {
    const some = rows.slice(at, at + AT_ONCE)
    await database('access_file_rows').insert(
      some.map(({ entity, id }) => ({ account_id: accountId, entity, entity_id: id })),
    )
  }
}
