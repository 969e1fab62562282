import type { AdminPage, LivePart, View, Visit } from '../page/admin-parts.ts'
import type { Choices } from '../page/choices.ts'
import { addressOf, addressText, listAddress, PAGE_SIZES, questionOf, type ListAddress } from './list-address.ts'
import { shownColumns } from './list-columns.ts'
import type { ListColumn, ListDefinition } from './list-definition.ts'

interface Answer<Row> {
  data: Row[]
  next_cursor: string | null
  previous_cursor: string | null
  /** Number of rows before this page. */
  before: number
  total: number
  total_is_exact: boolean
}

/** Makes the page of a list. */
export const listPage = <Row extends { id: string }, Extra>(definition: ListDefinition<Row, Extra>): AdminPage => ({
  path: definition.path,
  needs: definition.needs,
  watches: definition.watches,
  view: (visit) => listView(visit, definition),
})

const listView = async <Row extends { id: string }, Extra>(
  visit: Visit,
  definition: ListDefinition<Row, Extra>,
): Promise<View> => {
  const { title, api, columns, filters, words } = definition
  const query = new URLSearchParams(visit.ctx.querystring)
  const asked = await addressOf(visit, definition)
  const choices = await Promise.all(
    filters.map(({ key, choices: find }) =>
      find(visit, { search: searchFor(query, key), chosen: [asked.filters[key] ?? ''] }),
    ),
  )
  // The only row that a search for one finds is meant.
  const only = filters.flatMap(({ key }, index) => {
    const [option, ...others] = choices[index]?.options ?? []
    const isOnly = searchFor(query, key) !== '' && others.length === 0 && option !== undefined
    return isOnly ? [[key, option.value] as const] : []
  })
  const found = { filters: { ...asked.filters, ...Object.fromEntries(only) } }
  const address = { ...asked, ...found }
  // A link says the columns where the address does, and not those that somebody else would not see.
  const named = { ...listAddress(query, definition), ...found }
  const [answer, whole] = await Promise.all([
    visit.get<Answer<Row>>(api.path, { ...api.query, ...questionOf(address) }),
    isFiltered(address) ? visit.get<Answer<Row>>(api.path, { ...api.query, limit: '1' }) : undefined,
  ])
  // All rows match where nothing filters.
  const all = whole ?? answer
  const to = (change: Partial<ListAddress>) => addressText({ ...named, ...change }, definition)
  const shown = shownColumns(definition, address)
  const bulk = (definition.bulk ?? []).filter(({ needs }) => visit.may(needs))
  const about = { visit, extra: await definition.extra(visit, answer.data) }
  const rows = answer.data.map((row): LivePart => ({
    id: `row-${row.id}`,
    template: 'row',
    data: {
      rowId: row.id,
      canTick: bulk.length > 0,
      head: definition.head.cell(row, about),
      cells: shown.map((column) => ({ ...headOf(column), ...column.cell(row, about) })),
      hasAct: definition.act !== undefined,
      act: definition.act?.(row, about),
    },
  }))
  const counts: LivePart = {
    id: 'said',
    template: 'said',
    data: { words, total: countText(answer), of: countText(all), isFiltered: isFiltered(address) },
  }
  const { add } = definition
  return {
    template: 'list',
    title,
    live: [counts, { id: 'matching', template: 'matching', data: { total: countText(answer) } }, ...rows],
    data: {
      lead: definition.lead,
      words,
      add: add !== undefined && visit.may(add.needs) ? { text: add.text, url: `${visit.base}${add.path}` } : undefined,
      isReadOnly: add !== undefined && !visit.may(add.needs),
      empty: all.total === 0 ? definition.empty : undefined,
      search: definition.search,
      searched: address.search,
      filters: filters.map(({ key, label }, index) => ({
        key,
        label,
        value: address.filters[key] ?? '',
        ...choices[index],
        searched: searchFor(query, key),
      })),
      tokens: tokensOf(address, definition, choices, to),
      hidden: hiddenFields(named, definition),
      columns: [definition.head, ...shown].map((column) => ({
        ...headOf(column),
        ...sortOf(column, address.sort, (sort) => to({ sort, cursor: undefined })),
      })),
      columnsUrl: `${visit.base}${definition.path}/columns`,
      back: to({}).slice(1),
      match: to({ cursor: undefined }),
      choices: columns.map((column) => ({ ...headOf(column), isShown: shown.includes(column) })),
      hasAct: definition.act !== undefined,
      rows: rows.map(({ id }) => id),
      bulk: bulk.map((act) => ({ ...act, url: `${visit.base}${act.path}` })),
      filterUrl: to({}),
      csvUrl: `${visit.base}${definition.path}.csv${to({ cursor: undefined })}`,
      total: countText(answer),
      limit: address.limit,
      sizes: PAGE_SIZES,
      from: answer.before + 1,
      until: answer.before + answer.data.length,
      previousUrl: answer.previous_cursor === null ? undefined : to({ cursor: answer.previous_cursor }),
      nextUrl: answer.next_cursor === null ? undefined : to({ cursor: answer.next_cursor }),
    },
  }
}

/** Returns what was typed to find a row to filter by. */
const searchFor = (query: URLSearchParams, key: string): string => (query.get(`find.${key}`) ?? '').trim().slice(0, 200)

const isFiltered = ({ search, filters }: ListAddress): boolean => search !== '' || Object.keys(filters).length > 0

const countText = ({ total, total_is_exact: isExact }: Pick<Answer<unknown>, 'total' | 'total_is_exact'>): string =>
  isExact ? total.toLocaleString('en') : `more than ${total.toLocaleString('en')}`

const headOf = ({ key, title, isNumeric = false }: Pick<ListColumn<never, never>, 'key' | 'title' | 'isNumeric'>) => ({
  key,
  title,
  isNumeric,
})

/** Returns the address by which a column's head sorts: the other way round where it sorts already. */
const sortOf = (
  { sort }: Pick<ListColumn<never, never>, 'sort'>,
  current: string,
  to: (sort: string) => string,
): { sortUrl?: string; sorted?: 'ascending' | 'descending' } => {
  if (sort === undefined) return {}
  if (current === sort) return { sortUrl: to(`-${sort}`), sorted: 'ascending' }
  return current === `-${sort}` ? { sortUrl: to(sort), sorted: 'descending' } : { sortUrl: to(sort) }
}

/** Returns the filters in force, each with the address without it. */
const tokensOf = <Row extends { id: string }, Extra>(
  { search, filters }: ListAddress,
  definition: ListDefinition<Row, Extra>,
  choices: readonly Choices[],
  to: (change: Partial<ListAddress>) => string,
): { label: string; text: string; url: string }[] => [
  ...(search === '' ? [] : [{ label: 'text', text: search, url: to({ search: '', cursor: undefined }) }]),
  ...definition.filters.flatMap(({ key, label }, index) => {
    const value = filters[key]
    if (value === undefined) return []
    const { [key]: _, ...others } = filters
    const named = choices[index]?.options.find((option) => option.value === value)?.text ?? value
    return [{ label: label.toLowerCase(), text: named, url: to({ filters: others, cursor: undefined }) }]
  }),
]

/** Returns what a form of the page has to send along, so that it changes one thing and keeps the others. */
const hiddenFields = <Row extends { id: string }, Extra>(
  { sort, limit, columns, search, filters }: ListAddress,
  definition: ListDefinition<Row, Extra>,
) => {
  const order = [
    ...(sort === definition.sort ? [] : [['sort', sort] as const]),
    ...(limit === PAGE_SIZES[1] ? [] : [['limit', String(limit)] as const]),
  ]
  const narrowing = [...(search === '' ? [] : [['q', search] as const]), ...Object.entries(filters)]
  const chosen = (columns ?? []).map((key) => ['column', key] as const)
  return {
    filter: [...order, ...chosen],
    limit: [...order.filter(([key]) => key !== 'limit'), ...narrowing, ...chosen],
  }
}
