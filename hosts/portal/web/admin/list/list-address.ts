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
  /** Keys of the columns shown besides the first; undefined for those shown by default. */
  columns: readonly string[] | undefined
}

/** Reads an address; whatever it does not know it ignores, so that an old link still shows something. */
export const readAddress = (
  query: URLSearchParams,
  known: { filters: readonly string[]; sorts: readonly string[]; sort: string; columns: readonly string[] },
): ListAddress => {
  const filters = known.filters.flatMap((key) => {
    const value = query.get(key) ?? ''
    return value === '' ? [] : [[key, value] as const]
  })
  const sort = query.get('sort') ?? ''
  const limit = Number(query.get('limit'))
  const columns = query.getAll('column').filter((key) => known.columns.includes(key))
  return {
    search: (query.get('q') ?? '').slice(0, 200),
    filters: Object.fromEntries(filters),
    sort: known.sorts.includes(sort.replace(/^-/, '')) ? sort : known.sort,
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
