import type { NamedRow } from '../page/api-rows.ts'
import { MOST_CHOICES, type Choice } from '../page/choices.ts'
import type { Visit } from '../page/admin-parts.ts'
import { formValues } from '../../http/form-fields.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import { loadedRow } from '../form/load-row.ts'
import { findName } from '../form/pick-field.ts'

interface Membered extends NamedRow {
  /** Text in the names of the people that are found. */
  search: string
  /** People whom the form found, and those whom it showed before. */
  options: readonly Choice[]
  /** Ids of the people who were found. */
  found: readonly string[]
  /** Ids of the members among them. */
  members: ReadonlySet<string>
  /** Number of people who match and are not shown. */
  more: number
  isLarge: boolean
}

const FIELD = 'actor_ids'

/**
 * The form that changes who is in a group. It shows a part of the people: the first members, or whoever a search finds.
 * Ticks that were set or taken away stay in the form from search to search.
 */
export const groupMembers: FormDefinition<Membered> = {
  path: '/groups/:id/members',
  needs: 'groups:write',
  load: async (visit) => {
    const { row } = await loadedRow<NamedRow>('/groups')(visit)
    return { row: { ...row, ...(await offered(visit, row.id)) }, version: undefined }
  },
  title: ({ row }) => `Members of ${row.name}`,
  crumbs: ({ visit, row }) => [
    { text: 'Groups', url: `${visit.base}/groups` },
    { text: row.name, url: `${visit.base}/groups/${row.id}` },
  ],
  values: ({ row }) => shownFrom(row, new FormValues({})),
  adjust: (values, { row }) =>
    values.has('searched') && (values.has('find') || values.one('searched') !== row.search)
      ? shownFrom(row, values)
      : undefined,
  fields: ({ row: { options, more, isLarge, search } }) => [
    {
      kind: 'ticks',
      name: FIELD,
      label: 'Members',
      options,
      isWide: true,
      carries: ['shown', 'searched'],
      ...(isLarge ? { find: { name: findName(FIELD), value: search, more } } : {}),
    },
  ],
  // Only what was ticked or unticked is sent, so that whoever else was added meanwhile stays.
  call: ({ row }, values) => {
    const [shown, wanted] = [new Set(values.all('shown')), new Set(values.all(FIELD))]
    return {
      method: 'PATCH',
      path: `/groups/${row.id}/memberships`,
      body: {
        add: [...wanted].filter((id) => !shown.has(id)),
        remove: [...shown].filter((id) => !wanted.has(id)),
      },
    }
  },
  done: ({ row }) => `/groups/${row.id}`,
  verb: () => 'Save',
  leave: ({ row }) => `/groups/${row.id}`,
}

/** Returns the values of a form that shows whom a search has found, and keeps what was changed before. */
const shownFrom = ({ found, members, search }: Membered, values: FormValues): FormValues => {
  const [shown, ticked] = [new Set(values.all('shown')), new Set(values.all(FIELD))]
  const isChanged = (id: string): boolean => shown.has(id) !== ticked.has(id)
  const fresh = found.filter((id) => members.has(id) && !isChanged(id))
  return values.with({
    searched: search,
    shown: [...[...shown].filter(isChanged), ...fresh],
    [FIELD]: [...[...ticked].filter(isChanged), ...fresh],
  })
}

const offered = async (visit: Visit, groupId: string) => {
  const { ctx, parts, caller } = visit
  const sent = new FormValues(ctx.method === 'POST' ? formValues(ctx) : {})
  const search = sent.one(findName(FIELD)).trim().slice(0, 200)
  const reader = parts.store.reader(caller.account.id)
  const { total } = await reader.count('actors')
  const isLarge = total > MOST_CHOICES
  const inGroup = { tests: [{ related: 'groupId' as const, in: [groupId] }] }
  const filter = search === '' && isLarge ? inGroup : { search }
  const sort = { column: 'name' as const, isDescending: false }
  const [{ rows }, count] = await Promise.all([
    reader.find('actors', { ...filter, sort, limit: MOST_CHOICES }),
    reader.count('actors', filter),
  ])
  const found = rows.map(({ id }) => id)
  // People of an earlier search stay as long as they are changed: the others go with the next one.
  const earlier = [...new Set([...sent.all('shown'), ...sent.all(FIELD)])].filter((id) => !found.includes(id))
  const others = (await Promise.all(earlier.map((id) => reader.get('actors', id)))).flatMap((row) => row ?? [])
  const memberships = await reader.find('memberships', {
    tests: [
      { column: 'groupId', in: [groupId] },
      { column: 'actorId', in: found },
    ],
    limit: MOST_CHOICES,
  })
  const isAsked = sent.has('find') || (sent.has('searched') && sent.one('searched') !== search)
  const [shown, ticked] = [new Set(sent.all('shown')), new Set(sent.all(FIELD))]
  return {
    search,
    found,
    options: [...others.filter(({ id }) => !isAsked || shown.has(id) !== ticked.has(id)), ...rows].map(
      ({ id, name, email }) => ({ value: id, text: email === null ? name : `${name}, ${email}` }),
    ),
    members: new Set(memberships.rows.map(({ actorId }) => actorId)),
    more: count.total - rows.length,
    isLarge,
  }
}
