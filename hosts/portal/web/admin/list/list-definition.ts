import type { Permission } from '../../../identity/permissions.ts'
import type { EntityName } from '../../../store/entities.ts'
import type { Visit } from '../page/admin-parts.ts'
import type { Cell } from '../page/cell.ts'
import type { Choices } from '../page/choices.ts'

/** A page that lists rows of one kind, as tables that are searched, filtered, sorted and turned. */
export interface ListDefinition<Row extends { id: string }, Extra = undefined> {
  /** Path below the account's `/admin`. */
  path: string
  needs: Permission
  watches: readonly EntityName[]
  title: string
  /** Words for one row and for several, such as `person` and `people`. */
  words: { one: string; many: string }
  lead?: string
  /** Operation of the API that lists the rows, and query parameters that it always gets. */
  api: { path: string; query?: Readonly<Record<string, string>> }
  /** Button that leads to the page for a new row. */
  add?: { text: string; path: string; needs: Permission }
  /** Shown where there is no row at all: what the thing is, and the steps to a first one. */
  empty: { title: string; text: string; steps?: readonly string[] }
  /** Label of the search field; absent where the API searches nothing. */
  search?: string
  filters: readonly ListFilter[]
  /** Column of the API by which rows are sorted at first; with `-` in front, the greatest first. */
  sort: string
  /** Reads what the rows on one page need besides themselves. */
  extra: (visit: Visit, rows: readonly Row[]) => Promise<Extra>
  /** First column: what the row is called, and where it leads. */
  head: ListColumn<Row, Extra>
  columns: readonly ListColumn<Row, Extra>[]
  /** Last column: one act or link on each row. */
  act?: (row: Row, about: About<Extra>) => { text: string; about: string; url: string } | undefined
  /** Acts on the rows that are ticked; each leads to a page with the difference. */
  bulk?: readonly BulkAct[]
}

export interface About<Extra> {
  visit: Visit
  extra: Extra
}

export interface ListColumn<Row, Extra> {
  key: string
  title: string
  /** Column of the API that it sorts by; absent where it does not sort. */
  sort?: string
  isNumeric?: boolean
  /** Title of the cells’ details, which stand beneath their texts, in a file with the list. */
  details?: string
  /** Whether it is shown only when a person chooses it. */
  isHidden?: boolean
  cell: (row: Row, about: About<Extra>) => Cell
}

export interface ListFilter {
  /** Query parameter of the API. */
  key: string
  label: string
  /** Finds what it offers by a part of a name, besides what is chosen. */
  choices: (visit: Visit, asked: { search: string; chosen: readonly string[] }) => Promise<Choices>
}

export interface BulkAct {
  text: string
  /** Path below the account's `/admin` that the ticked ids are sent to, as `id`. */
  path: string
  needs: Permission
  isHarm?: boolean
}
