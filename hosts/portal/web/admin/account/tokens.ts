import type { TokenRow } from '../page/api-rows.ts'
import type { View, Visit } from '../page/admin-parts.ts'
import { link, mark, text, time, type Cell } from '../page/cell.ts'
import { deletion } from '../form/deletion.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import { pickField } from '../form/pick-field.ts'
import type { ListDefinition } from '../list/list-definition.ts'
import { timeColumns, wordFilter } from '../list/list-parts.ts'
import { DAY, unixTime } from '../../../../../core/runtime/time.ts'

interface Extra {
  /** Holder of each token, by the token’s id. */
  purpose: ReadonlyMap<string, Cell>
  now: number
}

const KINDS = { client: 'client', gateway: 'gateway', relay: 'relay', api: 'API' } as const

/** The list of tokens of all kinds. */
export const tokens: ListDefinition<TokenRow, Extra> = {
  path: '/tokens',
  needs: 'tokens:read',
  watches: ['tokens', 'actors', 'sites', 'gateways'],
  title: 'Tokens',
  words: { one: 'token', many: 'tokens' },
  lead: 'Whoever holds a token is let in by it. Its text is shown once, when it is made.',
  api: { path: '/tokens' },
  add: { text: 'Add an API token', path: '/tokens/new', needs: 'tokens:write' },
  empty: {
    title: 'No token yet',
    text: 'Tokens of gateways are made on the page of a site, those of people by their sign-ins.',
  },
  search: 'Name, person or site',
  filters: [wordFilter('kind', 'Kind', KINDS)],
  sort: '-created_at',
  extra: async ({ parts, caller, base }, rows) => {
    const reader = parts.store.reader(caller.account.id)
    const purposes = rows.map(async ({ id, actor_id: actorId, site_id: siteId, gateway_id: gatewayId }) => {
      if (actorId !== null)
        return [id, link((await reader.get('actors', actorId))?.name ?? '', `${base}/people/${actorId}`)] as const
      if (siteId === null) return [id, text('relays')] as const
      const gateway = gatewayId === null ? undefined : await reader.get('gateways', gatewayId)
      const site = await reader.get('sites', siteId)
      return [id, link(gateway?.name ?? `gateways of ${site?.name ?? ''}`, `${base}/sites/${siteId}`)] as const
    })
    return { purpose: new Map(await Promise.all(purposes)), now: parts.clock.unix() }
  },
  head: { key: 'name', title: 'Token', sort: 'name', cell: ({ name }) => text(name) },
  columns: [
    { key: 'kind', title: 'Kind', sort: 'kind', cell: ({ kind }) => text(KINDS[kind]) },
    { key: 'for', title: 'For', sort: 'actor_name', cell: ({ id }, { extra }) => extra.purpose.get(id) ?? text('') },
    { key: 'scopes', title: 'May', cell: ({ scopes }) => text(scopes?.join(', ') ?? '') },
    { key: 'used', title: 'Last used', sort: 'last_used_at', cell: ({ last_used_at: at }) => time(at) },
    { key: 'ends', title: 'Ends', sort: 'expires_at', cell: (row, { extra }) => endCell(row, extra.now) },
    ...timeColumns(),
  ],
  act: ({ id, name }, { visit }) =>
    visit.may('tokens:write') ? { text: 'Revoke…', about: name, url: `${visit.base}/tokens/${id}/delete` } : undefined,
  bulk: [{ text: 'Revoke', path: '/tokens/revoke', needs: 'tokens:write', isHarm: true }],
}

/** Time before its end at which a token is marked. */
const SOON_MS = 7 * DAY

const endCell = ({ expires_at: at }: TokenRow, now: number): Cell => {
  if (at === null) return text('when revoked')
  const left = Date.parse(at) - now
  if (left <= 0) return mark('off', 'ended')
  return left < SOON_MS ? { ...mark('warn', at.slice(0, 10)), why: 'less than a week' } : time(at)
}

/** The page that asks before a token is revoked. */
export const revokeToken: FormDefinition<TokenRow> = {
  ...deletion<TokenRow>({
    path: '/tokens',
    api: '/tokens',
    needs: 'tokens:write',
    list: 'Tokens',
    back: () => '/tokens',
    lead: 'Whatever uses it is refused at once, and its connections are cut.',
  }),
  title: ({ row }) => `Revoke ${row.name}?`,
  verb: ({ row }) => `Revoke ${row.name}`,
}

/** The form that makes an API token, which is shown once. */
export const newToken: FormDefinition = {
  path: '/tokens/new',
  needs: 'tokens:write',
  title: () => 'Add an API token',
  crumbs: ({ visit }) => [{ text: 'Tokens', url: `${visit.base}/tokens` }],
  lead: () => 'For a program that calls the API, on behalf of a service account, or of yourself.',
  values: ({ visit: { session, query } }) =>
    new FormValues({ actor: query['actor'] ?? session.actor.id, scope: 'read', days: '90' }),
  fields: async ({ visit }, values) => [
    { kind: 'text', name: 'name', label: 'Name', help: 'What will use it.' },
    await pickField(visit, values, {
      kind: 'service_accounts',
      name: 'actor',
      label: 'On behalf of',
      none: '',
      first: { value: visit.session.actor.id, text: `${visit.session.actor.name} (you)` },
    }),
    {
      kind: 'radios',
      name: 'scope',
      label: 'It may',
      path: 'scopes',
      options: [
        { value: 'read', text: 'read' },
        { value: 'helpdesk', text: 'do what the helpdesk may' },
        { value: 'write', text: 'change everything that its holder may' },
      ],
      isWide: true,
    },
    {
      kind: 'radios',
      name: 'days',
      label: 'Ends in',
      path: 'expires_at',
      options: LIFETIMES.map((value) => ({ value, text: value === '1' ? 'a day' : `${value} days` })),
      isWide: true,
    },
  ],
  isComplete: (values) => values.one('actor') !== '',
  call: ({ visit }, values) => ({
    method: 'POST',
    path: `/actors/${values.one('actor')}/api_tokens`,
    body: {
      name: values.one('name').trim() || 'API',
      scopes: [values.one('scope')],
      expires_at: endAfter(values.one('days'), visit.parts.clock.unix()),
    },
  }),
  done: () => '/tokens',
  show: ({ visit }, answer) => shownOnce(visit, answer as { token: string }),
  verb: () => 'Make the token',
  leave: () => '/tokens',
}

/** Days for which a token may be made. */
const LIFETIMES: readonly string[] = ['1', '30', '90', '365']

/** Returns the end of a token's life; an empty text, which the API refuses, for a number of days that is not offered. */
const endAfter = (days: string, now: number): string =>
  LIFETIMES.includes(days) ? new Date(unixTime(now + Number(days) * DAY)).toISOString() : ''

const shownOnce = ({ base }: Visit, { token }: { token: string }): View => ({
  template: 'secret',
  title: 'A new API token',
  crumbs: [{ text: 'Tokens', url: `${base}/tokens` }],
  data: { secret: token, backUrl: `${base}/tokens` },
})
