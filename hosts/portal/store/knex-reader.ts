import type { Knex } from 'knex'
import type { Entities, EntityName } from './entities.ts'
import type { ListExpressions } from './dialect.ts'
import type { Count, Filter, FindQuery, Found } from './find-query.ts'
import { countRows, findRows, type FindParts } from './find-rows.ts'
import { columnName, decodeRow, encodeRow } from './row-codec.ts'
import type { Position, Query, Reader } from './store.ts'

/** Reads the rows of one account, inside or outside a transaction. */
export class KnexReader implements Reader {
  constructor(
    protected readonly database: Knex,
    protected readonly accountId: string,
    private readonly expressions: ListExpressions,
  ) {}

  async get<Name extends EntityName>(name: Name, id: string): Promise<Entities[Name] | undefined> {
    const columns = (await this.rows(name).where({ id }).first()) as Record<string, unknown> | undefined
    return columns === undefined ? undefined : decodeRow(name, columns)
  }

  async getAll<Name extends EntityName>(name: Name, ids: Iterable<string>): Promise<Map<string, Entities[Name]>> {
    return new Map((await this.listBy(name, 'id', ids)).map((row) => [row.id, row]))
  }

  async listBy<Name extends EntityName>(
    name: Name,
    column: keyof Entities[Name] & string,
    values: Iterable<string>,
  ): Promise<Entities[Name][]> {
    const rows = this.#among(name, column, values)?.orderBy(['created_at', 'id'])
    return (((await rows) ?? []) as Record<string, unknown>[]).map((columns) => decodeRow(name, columns))
  }

  async list<Name extends EntityName>(name: Name, query: Query<Name> = {}): Promise<Entities[Name][]> {
    // The sign has an index that would serve the order passed over for that of the values.
    const rows = this.rows(name).orderByRaw(query.where === undefined ? '??, ??' : '+??, ??', ['created_at', 'id'])
    if (query.where !== undefined) void rows.where(encodeRow(name, query.where))
    if (query.after !== undefined) void rows.where(beyond(query.after, '>'))
    if (query.limit !== undefined) void rows.limit(query.limit)
    return ((await rows) as Record<string, unknown>[]).map((columns) => decodeRow(name, columns))
  }

  async find<Name extends EntityName>(name: Name, query: FindQuery<Name>): Promise<Found<Name>> {
    return findRows(this.#findParts, name, query)
  }

  async count<Name extends EntityName>(name: Name, filter: Filter<Name> = {}): Promise<Count> {
    return countRows(this.#findParts, name, filter)
  }

  async countBy<Name extends EntityName>(
    name: Name,
    column: keyof Entities[Name] & string,
    values: Iterable<string>,
  ): Promise<Map<string, number>> {
    const counted = this.#among(name, column, values)
      ?.groupBy(columnName(column))
      .select({ value: columnName(column) })
      .count({ n: '*' })
    return new Map(
      (((await counted) ?? []) as { value: string; n: unknown }[]).map(({ value, n }) => [value, Number(n)]),
    )
  }

  /** Begins a query of the rows whose column has one of these values; undefined without any value. */
  #among(name: EntityName, column: string, values: Iterable<string>): Knex.QueryBuilder | undefined {
    const wanted = [...new Set(values)]
    if (wanted.length === 0) return undefined
    return this.rows(name).whereRaw(this.expressions.amongIds('??'), [columnName(column), JSON.stringify(wanted)])
  }

  get #findParts(): FindParts {
    const rows = (name: EntityName): Knex.QueryBuilder => this.rows(name)
    return { rows, database: this.database, expressions: this.expressions }
  }

  /** Begins every query, limited to the account's rows. */
  protected rows(name: EntityName): Knex.QueryBuilder {
    return this.database(name).where(name === 'accounts' ? { id: this.accountId } : { account_id: this.accountId })
  }
}

/** Adds the condition for rows after (`>`) or before (`<`) a position in the order (created_at, id). */
export const beyond =
  ({ createdAt, id }: Position, direction: '<' | '>') =>
  (builder: Knex.QueryBuilder): void => {
    void builder
      .where('created_at', direction, createdAt)
      .orWhere((same) => void same.where('created_at', createdAt).andWhere('id', direction, id))
  }
