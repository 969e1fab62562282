import type { Knex } from 'knex'
import { toldRanges, type AddressRanges, type AddressRangeTexts } from '../../../core/net/address-ranges.ts'
import { compareAddresses } from '../../../core/net/ip-address.ts'
import { uuid, type Random } from '../../../core/runtime/random.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import { readAccessFileRows, writeAccessFileRows, type AccessFileRow } from './access-file-rows.ts'
import type { Change, Entities, EntityName } from './entities.ts'
import type { Dialect } from './dialect.ts'
import { DirectReader, FOUND_IN_ORDER } from './direct-reader.ts'
import { insertAll, matching, type Statements } from './statements.ts'
import { columnName, encodeRow } from './row-codec.ts'
import { StoreError } from './store-error.ts'
import { searchCell } from './searched-text.ts'
import type { Draft, Patch, Transaction, TunnelAddresses, WritableName } from './store.ts'
import { childrenOf, TABLES } from './tables.ts'
import { addressesAt, FIRST_OFFSET, lastOffset, offsetOf } from './tunnel-addresses.ts'

export interface TransactionOptions {
  dialect: Pick<Dialect, 'storeErrorOf' | 'expressions'>
  database: Knex.Transaction
  statements: Statements
  accountId: string
  at: UnixTime
  random: Random
}

/** Ids that one statement names: databases limit the parameters of a statement. */
const SELECTED = 500
/** Rows that one statement inserts. */
const INSERTED = 50

/** Reads and writes one account's rows in one database transaction, and collects the changes. */
export class KnexTransaction extends DirectReader implements Transaction {
  /** Changes made by this transaction, in order. */
  readonly changes: Change[] = []
  /** Table and column values that find the row in the way of a CONFLICT, for a query after this transaction. */
  collision: { name: EntityName; where: Partial<Entities[EntityName]> } | undefined
  readonly #dialect: Pick<Dialect, 'storeErrorOf'>
  readonly #at: UnixTime
  readonly #random: Random
  /** Rows read and changed so far, by table and id: a change in bulk asks for the same row several times. */
  readonly #known = new Map<string, unknown>()

  constructor({ dialect, database, statements, accountId, at, random }: TransactionOptions) {
    super(database, statements, { accountId, expressions: dialect.expressions })
    this.#dialect = dialect
    this.#at = at
    this.#random = random
  }

  override async get<Name extends EntityName>(name: Name, id: string): Promise<Entities[Name] | undefined> {
    const key = `${name} ${id}`
    const known = this.#known.get(key) as Entities[Name] | undefined
    if (known !== undefined) return known
    const row = await super.get(name, id)
    if (row !== undefined) this.#known.set(key, row)
    return row
  }

  async preload(name: EntityName, ids: readonly string[]): Promise<void> {
    for (const some of inParts(ids, SELECTED)) {
      const { rows } = await this.find(name, { tests: [{ column: 'id', in: some }], limit: SELECTED })
      for (const row of rows) this.#known.set(`${name} ${row.id}`, row)
    }
  }

  async insert<Name extends WritableName>(name: Name, draft: Draft<Name>): Promise<Entities[Name]> {
    const row = this.#rowOf(draft)
    // Authorizations refer to rows that the portal has in memory; the database's own check is enough there.
    if (name !== 'authorizations') await this.#checkReferences(name, row)
    await this.#refusing(insertAll(this.statements, name, [cellsOf(name, row)]), name, row)
    this.#remember(name, { id: row.id, after: row })
    return row
  }

  async insertAll<Name extends WritableName>(name: Name, drafts: readonly Draft<Name>[]): Promise<Entities[Name][]> {
    const rows = drafts.map((draft) => this.#rowOf(draft))
    for (const row of rows) await this.#checkReferences(name, row)
    for (const some of inParts(rows, INSERTED)) {
      const [first] = some
      if (first === undefined) continue
      const cells = some.map((row) => cellsOf(name, row))
      await this.#refusing(insertAll(this.statements, name, cells), name, first)
      for (const row of some) this.#remember(name, { id: row.id, after: row })
    }
    return rows
  }

  async patch<Name extends EntityName>(
    name: Name,
    id: string,
    patch: Patch<Name>,
  ): Promise<Entities[Name] | undefined> {
    const before = await this.get(name, id)
    if (before === undefined) return undefined
    const changed = Object.fromEntries(
      Object.entries(patch).filter(
        ([key, value]) =>
          value !== undefined && JSON.stringify(value) !== JSON.stringify(before[key as keyof Entities[Name]]),
      ),
    ) as Partial<Entities[Name]>
    if (Object.keys(changed).length === 0) return before
    await this.#checkReferences(name, changed)
    const { quiet } = TABLES[name] as { quiet: readonly string[] }
    if (Object.keys(changed).some((key) => !quiet.includes(key))) changed.updatedAt = this.#at
    const after = { ...before, ...changed }
    const columns = { ...encodeRow(name, changed), ...searchCell(name, after) }
    const sets = Object.keys(columns).map((column) => `"${column}" = ?`)
    const { sql, cells } = matching(this.own(name, { id }))
    const update = `UPDATE "${name}" SET ${sets.join(', ')} WHERE ${sql}`
    await this.#refusing(this.statements.all(update, [...Object.values(columns), ...cells]), name, after)
    this.#known.set(`${name} ${id}`, after)
    this.#remember(name, { id, before, after })
    return after
  }

  async remove<Name extends WritableName>(name: Name, id: string): Promise<Entities[Name] | undefined> {
    const row = await this.get(name, id)
    if (row === undefined) return undefined
    for (const child of childrenOf(name)) {
      const { sql, cells } = matching(this.own(child.name, { [columnName(child.column)]: id }))
      const ids = `SELECT "id" FROM "${child.name}" WHERE ${sql} ${FOUND_IN_ORDER}`
      for (const { id: childId } of await this.statements.all(ids, cells))
        await this.remove(child.name, String(childId))
    }
    const { sql, cells } = matching(this.own(name, { id }))
    await this.#refusing(this.statements.all(`DELETE FROM "${name}" WHERE ${sql}`, cells), name, row)
    this.#known.delete(`${name} ${id}`)
    this.#remember(name, { id, before: row })
    return row
  }

  async removeAll(name: WritableName, ids: readonly string[]): Promise<void> {
    for (const some of inParts(ids, SELECTED)) {
      for (const child of childrenOf(name)) {
        const children = (await this.rows(child.name)
          .whereIn(columnName(child.column), some)
          .orderBy(['created_at', 'id'])
          .pluck('id')) as string[]
        await this.removeAll(child.name, children)
      }
      await this.preload(name, some)
      for (const id of some) {
        const row = await this.get(name, id)
        if (row === undefined) continue
        this.#known.delete(`${name} ${id}`)
        this.#remember(name, { id, before: row })
      }
      await this.rows(name).whereIn('id', some).delete()
    }
  }

  async endSessions(of: { actorId: string } | { identityProviderId: string }): Promise<void> {
    const sessions = () => this.database('sessions').where({ account_id: this.accountId })
    if ('actorId' in of) {
      await sessions().where({ actor_id: of.actorId }).delete()
      await this.database('emergency_codes').where({ account_id: this.accountId, actor_id: of.actorId }).delete()
      return
    }
    for (const { id, data } of await sessions().select('id', 'data')) {
      const { identityProviderId } = JSON.parse(data) as { identityProviderId?: unknown }
      if (identityProviderId === of.identityProviderId) await sessions().where({ id }).delete()
    }
  }

  async endUnfinishedSignIns(of: { about: string } | { identityProviderId: string }): Promise<void> {
    const which = 'about' in of ? { about: of.about } : { provider_id: of.identityProviderId }
    await this.database('sign_in_records')
      .where({ account_id: this.accountId, ...which })
      .delete()
  }

  async allocateAddresses(): Promise<TunnelAddresses> {
    const counters = () => this.database('address_allocation').where({ account_id: this.accountId })
    const counter = (await counters().first()) as { next_offset: number } | undefined
    const ranges = await this.#ranges()
    const last = lastOffset(ranges)
    let offset = Math.min(counter?.next_offset ?? FIRST_OFFSET, last)
    for (let tried = FIRST_OFFSET; tried <= last; tried++) {
      const addresses = addressesAt(offset, ranges)
      const next = offset === last ? FIRST_OFFSET : offset + 1
      if (!(await this.#isTaken(addresses))) {
        if (counter === undefined)
          await this.database('address_allocation').insert({ account_id: this.accountId, next_offset: next })
        else await counters().update({ next_offset: next })
        return addresses
      }
      offset = next
    }
    throw new StoreError('ADDRESSES_EXHAUSTED', 'Every tunnel address of this account is in use.')
  }

  async moveAddresses(texts: AddressRangeTexts | null): Promise<number> {
    const [before, after] = [await this.#ranges(), toldRanges(texts ?? undefined)]
    const last = lastOffset(after)
    const rows = []
    for (const name of ['clients', 'gateways'] as const) {
      for (const { id, ipv4 } of await this.list(name)) rows.push({ name, id, offset: offsetOf({ ipv4 }, before) })
    }
    const missing = rows.filter(({ offset }) => offset > last).length
    if (missing > 0) return missing
    // In an order in which no row takes an address that another one still has, should the ranges overlap.
    const isUpwards = compareAddresses(after.tunnel[0].address, before.tunnel[0].address) > 0
    rows.sort((a, b) => (isUpwards ? b.offset - a.offset : a.offset - b.offset))
    for (const { name, id, offset } of rows) await this.patch(name, id, addressesAt(offset, after))
    await this.patch('accounts', this.accountId, { addressRanges: texts })
    return 0
  }

  #rowOf<Name extends WritableName>(draft: Draft<Name>): Entities[Name] {
    return {
      ...draft,
      id: draft.id ?? uuid(this.#random),
      accountId: this.accountId,
      createdAt: this.#at,
      updatedAt: this.#at,
    } as Draft<Name> as Entities[Name]
  }

  async accessFileRows(): Promise<AccessFileRow[]> {
    return readAccessFileRows(this.database, this.accountId)
  }

  async noteAccessFileRows(rows: readonly AccessFileRow[]): Promise<void> {
    await writeAccessFileRows(this.database, this.accountId, rows)
  }

  async #ranges(): Promise<AddressRanges> {
    return toldRanges((await this.get('accounts', this.accountId))?.addressRanges ?? undefined)
  }

  async #isTaken({ ipv4 }: TunnelAddresses): Promise<boolean> {
    for (const name of ['clients', 'gateways'] as const) {
      if ((await this.rows(name).where({ ipv4 }).first('id')) !== undefined) return true
    }
    return false
  }

  async #checkReferences<Name extends EntityName>(name: Name, row: Partial<Entities[Name]>): Promise<void> {
    for (const [column, parent] of Object.entries(TABLES[name].references) as [keyof Entities[Name], EntityName][]) {
      const id = row[column]
      if (typeof id !== 'string' || (await this.get(parent, id)) !== undefined) continue
      throw new StoreError('REFERENCE', `There is no such row of ${parent}.`, [String(column)])
    }
  }

  #remember<Name extends EntityName>(
    entity: Name,
    change: { id: string; before?: Entities[Name]; after?: Entities[Name] },
  ): void {
    this.changes.push({ entity, accountId: this.accountId, ...change } as Change)
  }

  async #refusing<Name extends EntityName>(
    query: PromiseLike<unknown>,
    name: Name,
    row: Entities[Name],
  ): Promise<void> {
    try {
      await query
    } catch (error) {
      const refused = this.#dialect.storeErrorOf(error)
      if (refused instanceof StoreError && refused.code === 'CONFLICT' && refused.columns.length > 0) {
        const cells = refused.columns.map((column) => [column, row[column as keyof Entities[Name]]])
        this.collision = { name, where: Object.fromEntries(cells) as Partial<Entities[EntityName]> }
      }
      throw refused
    }
  }
}

/** Returns a row as the values of its columns, with the text in which it is searched. */
const cellsOf = <Name extends EntityName>(name: Name, row: Entities[Name]) => ({
  ...encodeRow(name, row),
  ...searchCell(name, row),
})

/** Splits a list into parts of at most `size` members. */
const inParts = <Member>(all: readonly Member[], size: number): Member[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, part) => all.slice(part * size, (part + 1) * size))
