import type { Visit } from '../page/admin-parts.ts'
import type { ListDefinition } from './list-definition.ts'

// Address of a list: filters, order, columns and place stand in its query, so that every view is a link.

/** Numbers of rows on a page that a person may choose. */
export const PAGE_SIZES = [12, 25, 50, 100] as const

/** State of a list as its address says it. */
export interface ListAddress {
  search: string
  /** Filters by query parameter, without empty ones. */
  filters: Readonly<Record<string, string>>
  sort: string
  limit: number
  /** Cursor of this page as the API gave it; undefined for the first page. */
  cursor: string | undefined
  /** Keys of the columns shown besides the first, where the address names them; undefined for those shown otherwise. */
  columns: readonly string[] | undefined
}

/** Reads the address of a visit to a list, with the columns that the visitor has chosen where it names none. */
export const addressOf = async <Row extends { id: string }, Extra>(
  visit: Visit,
  definition: ListDefinition<Row, Extra>,
): Promise<ListAddress> => {
  const address = listAddress(new URLSearchParams(visit.ctx.querystring), definition)
  return { ...address, columns: address.columns ?? (await visit.preferences()).columns[definition.path] }
}

/** Reads an address; whatever it does not know it ignores, so that an old link still shows something. */
export const listAddress = <Row extends { id: string }, Extra>(
  query: URLSearchParams,
  { filters: known, columns: all, head, sort: first }: ListDefinition<Row, Extra>,
): ListAddress => {
  const sorts = [head, ...all].flatMap((column) => column.sort ?? [])
  const filters = known.flatMap(({ key }) => {
    const value = query.get(key) ?? ''
    return value === '' ? [] : [[key, value] as const]
  })
  const sort = query.get('sort') ?? ''
  const limit = Number(query.get('limit'))
  const columns = query.getAll('column').filter((key) => all.some((column) => column.key === key))
  return {
    search: (query.get('q') ?? '').slice(0, 200),
    filters: Object.fromEntries(filters),
    sort: sorts.includes(sort.replace(/^-/, '')) ? sort : first,
    limit: PAGE_SIZES.find((size) => size === limit) ?? PAGE_SIZES[1],
    cursor: query.get('after') ?? undefined,
    columns: query.has('column') ? columns : undefined,
  }
}

/** Writes the query of an address, without what is the default; begins with `?`. */
export const addressText = (address: ListAddress, defaults: { sort: string }): string => {
  const query = new URLSearchParams()
  if (address.search !== '') query.set('q', address.search)
  for (const [key, value] of Object.entries(address.filters)) query.set(key, value)
  if (address.sort !== defaults.sort) query.set('sort', address.sort)
  if (address.limit !== PAGE_SIZES[1]) query.set('limit', String(address.limit))
  for (const key of address.columns ?? []) query.append('column', key)
  if (address.cursor !== undefined) query.set('after', address.cursor)
  return `?${query.toString()}`
}

/** Returns the query of the API that reads the page at an address. */
export const questionOf = ({ search, filters, sort, limit, cursor }: ListAddress): Record<string, string> => ({
  ...filters,
  sort,
  limit: String(limit),
  ...(search === '' ? {} : { search }),
  ...(cursor === undefined ? {} : { cursor }),
})
