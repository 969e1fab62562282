import type { Knex } from 'knex'
import type { ListExpressions } from './dialect.ts'
import type { Entities, EntityName } from './entities.ts'
import { KnexReader } from './knex-reader.ts'
import { decodeRow, encodeRow } from './row-codec.ts'
import { matching, type Cell, type Statements } from './statements.ts'
import type { Query } from './store.ts'

/** Order of a whole table's rows, for which it has an index. */
const IN_ORDER = 'ORDER BY "created_at", "id"'
/** Order of rows that were found by their values: by the sign, an index that would serve the order is passed over for theirs. */
export const FOUND_IN_ORDER = 'ORDER BY +"created_at", "id"'

/** Reads the rows of one account in a transaction; what is read most, by statements instead of the query builder. */
export class DirectReader extends KnexReader {
  constructor(
    database: Knex,
    protected readonly statements: Statements,
    { accountId, expressions }: { accountId: string; expressions: ListExpressions },
  ) {
    super(database, accountId, expressions)
  }

  override async get<Name extends EntityName>(name: Name, id: string): Promise<Entities[Name] | undefined> {
    const { sql, cells } = matching(this.own(name, { id }))
    const [columns] = await this.statements.all(`SELECT * FROM "${name}" WHERE ${sql}`, cells)
    return columns === undefined ? undefined : decodeRow(name, columns)
  }

  override async list<Name extends EntityName>(name: Name, query: Query<Name> = {}): Promise<Entities[Name][]> {
    if (query.after !== undefined) return super.list(name, query)
    const { sql, cells } = matching(this.own(name, encodeRow(name, query.where ?? {})))
    const limited = query.limit === undefined ? '' : ' LIMIT ?'
    const rows = await this.statements.all(
      `SELECT * FROM "${name}" WHERE ${sql} ${query.where === undefined ? IN_ORDER : FOUND_IN_ORDER}${limited}`,
      query.limit === undefined ? cells : [...cells, query.limit],
    )
    return rows.map((columns) => decodeRow(name, columns))
  }

  /** Returns the cells that limit a statement to the account's own rows, and to those with the given cells. */
  protected own(name: EntityName, cells: Readonly<Record<string, Cell>>): Record<string, Cell> {
    if (name !== 'accounts') return { account_id: this.accountId, ...cells }
    return { ...cells, id: (cells['id'] ?? this.accountId) === this.accountId ? this.accountId : '' }
  }
}
