import type { PluginRow, ProviderRow, Rows } from '../page/api-rows.ts'
import type { Visit } from '../page/admin-parts.ts'
import { link, mark, text } from '../page/cell.ts'
import { deletion } from '../form/deletion.ts'
import type { Field, FormAbout, FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import { loadedRow } from '../form/load-row.ts'
import { adjustItems, settingsFields, settingsOf, settingsValues } from '../form/settings-fields.ts'
import type { ListDefinition } from '../list/list-definition.ts'
import { timeColumns } from '../list/list-parts.ts'

/** The list of identity providers. */
export const providers: ListDefinition<ProviderRow> = {
  path: '/providers',
  needs: 'identity_providers:read',
  watches: ['identity_providers'],
  title: 'Identity providers',
  words: { one: 'identity provider', many: 'identity providers' },
  lead: 'They say who somebody is. Whoever changes one decides who signs in as whom: owners only.',
  api: { path: '/identity_providers' },
  add: { text: 'Add a provider', path: '/providers/new', needs: 'identity_providers:write' },
  empty: {
    title: 'No identity provider yet',
    text: 'People sign in at an identity provider: your own, or one-time codes by e-mail. Until there is one, only an emergency code lets anybody in.',
    steps: ['Choose its kind', 'Register the callback address there', 'Say whose e-mail addresses it speaks for'],
  },
  search: 'Name',
  filters: [],
  sort: 'name',
  extra: async () => Promise.resolve(undefined),
  head: {
    key: 'name',
    title: 'Provider',
    sort: 'name',
    cell: ({ id, name, is_default: isDefault }, { visit }) => ({
      ...link(name, `${visit.base}/providers/${id}/edit`),
      ...(isDefault ? { badges: [{ text: 'default' }] } : {}),
    }),
  },
  act: ({ id, name }, { visit }) =>
    visit.may('identity_providers:write')
      ? { text: 'Test', about: name, url: `${visit.base}/providers/${id}/test` }
      : undefined,
  columns: [
    { key: 'kind', title: 'Kind', sort: 'type', cell: ({ type }) => text(type) },
    {
      key: 'domains',
      title: 'Speaks for',
      cell: ({ email_domains: domains }) => text(domains.join(', ') || 'linked identities only'),
    },
    {
      key: 'standing',
      title: 'Standing',
      sort: 'is_disabled',
      cell: ({ is_disabled: isDisabled }) => (isDisabled ? mark('off', 'disabled') : mark('yes', 'enabled')),
    },
    { key: 'callback', title: 'Callback address', cell: ({ callback_url: url }) => ({ text: url, isCode: true }) },
    ...timeColumns(),
  ],
  bulk: [
    { text: 'Enable', path: '/providers/enable', needs: 'identity_providers:write' },
    { text: 'Disable', path: '/providers/disable', needs: 'identity_providers:write', isHarm: true },
  ],
}

type Schemas = ReadonlyMap<string, Record<string, unknown> | null>

export interface ProviderAbout {
  provider: ProviderRow | undefined
  schemas: Schemas
}

const schemasOf = async (visit: Visit): Promise<Schemas> =>
  new Map(
    (await visit.get<Rows<PluginRow>>('/plugins')).data.flatMap(({ provides }) =>
      provides.flatMap(({ point, key, settings }) =>
        point === 'identity-providers' ? [[key, settings] as const] : [],
      ),
    ),
  )

const CRUMBS = ({ base }: Visit) => [{ text: 'Identity providers', url: `${base}/providers` }]

const typeOf = ({ row: { provider, schemas } }: FormAbout<ProviderAbout>, values: FormValues): string =>
  provider?.type ?? (values.one('type') || ([...schemas.keys()][0] ?? ''))

const fieldsOf = (about: FormAbout<ProviderAbout>, values: FormValues): Field[] => {
  const { provider, schemas } = about.row
  return [
    { kind: 'text', name: 'name', label: 'Name', help: 'People see it on the button that they sign in by.' },
    ...(provider === undefined
      ? [
          {
            kind: 'select' as const,
            name: 'type',
            label: 'Kind',
            options: [...schemas.keys()].map((key) => ({ value: key, text: key })),
          },
          { kind: 'button' as const, name: 'choose', value: '1', text: 'Show its settings' },
        ]
      : []),
    { kind: 'heading', text: 'Settings', aside: typeOf(about, values) },
    ...settingsFields(schemas.get(typeOf(about, values)) ?? null, { prefix: 's', path: 'settings', values }),
    ...(provider === undefined
      ? []
      : [
          {
            kind: 'button' as const,
            name: 'test',
            value: '1',
            text: 'Test these settings',
            to: `/providers/${provider.id}/test`,
            help: 'Signs nobody in, and saves nothing.',
          },
        ]),
    { kind: 'heading', text: 'Sign-in' },
    {
      kind: 'lines',
      name: 'email_domains',
      label: 'E-mail domains that it speaks for',
      rows: 2,
      help: 'One a line; * for all. Whoever signs in with an address there for the first time is linked to the person with that address.',
    },
    {
      kind: 'radios',
      name: 'is_default',
      label: 'Default',
      options: [
        { value: 'true', text: 'Sign-ins go there at once' },
        { value: 'false', text: 'People choose' },
      ],
    },
    {
      kind: 'radios',
      name: 'is_disabled',
      label: 'Standing',
      options: [
        { value: 'false', text: 'Enabled' },
        { value: 'true', text: 'Disabled: nobody signs in by it, and its sign-ins end' },
      ],
    },
    {
      kind: 'text',
      name: 'session_hours',
      label: 'Hours that a browser stays signed in',
      type: 'number',
      path: 'session_lifetime_seconds',
    },
    {
      kind: 'text',
      name: 'client_days',
      label: 'Days that a client stays signed in',
      type: 'number',
      path: 'client_token_lifetime_seconds',
    },
  ]
}

/** Returns the body of the change that a form of a provider says. */
export const providerBody = (about: FormAbout<ProviderAbout>, values: FormValues) => ({
  name: values.one('name').trim(),
  settings: settingsOf(about.row.schemas.get(typeOf(about, values)) ?? null, 's', values),
  email_domains: values.lines('email_domains'),
  is_default: values.one('is_default') === 'true',
  is_disabled: values.one('is_disabled') === 'true',
  session_lifetime_seconds: Math.round(Number(values.one('session_hours')) * 3_600),
  client_token_lifetime_seconds: Math.round(Number(values.one('client_days')) * 86_400),
})

/** The form for a new identity provider. */
export const newProvider: FormDefinition<ProviderAbout> = {
  path: '/providers/new',
  needs: 'identity_providers:write',
  load: async (visit) => ({ row: { provider: undefined, schemas: await schemasOf(visit) }, version: undefined }),
  title: () => 'Add an identity provider',
  lead: () =>
    'Add it disabled first: then its callback address is known, and a test sign-in shows that it works before anybody depends on it.',
  crumbs: ({ visit }) => CRUMBS(visit),
  values: ({ row: { schemas } }) =>
    new FormValues({
      is_default: 'false',
      is_disabled: 'true',
      session_hours: '8',
      client_days: '7',
      ...settingsValues([...schemas.values()][0] ?? null, 's', {}),
    }),
  fields: fieldsOf,
  adjust: (values, { row: { schemas } }) =>
    values.one('choose') === ''
      ? adjustItems(values)
      : values.with({ ...settingsValues(schemas.get(values.one('type')) ?? null, 's', {}), choose: undefined }),
  call: (about, values) => ({
    method: 'POST',
    path: '/identity_providers',
    body: { ...providerBody(about, values), type: typeOf(about, values) },
  }),
  done: (_, answer) => `/providers/${(answer as ProviderRow).id}/edit`,
  verb: () => 'Add',
  leave: () => '/providers',
}

/** The form that changes an identity provider. */
export const editProvider: FormDefinition<ProviderAbout> = {
  ...newProvider,
  path: '/providers/:id/edit',
  reading: { needs: 'identity_providers:read', title: ({ row }) => row.provider?.name ?? '' },
  load: async (visit) => {
    const { row: provider, version } = await loadedRow<ProviderRow>('/identity_providers')(visit)
    return { row: { provider, schemas: await schemasOf(visit) }, version }
  },
  title: ({ row }) => `Edit ${row.provider?.name ?? ''}`,
  acts: ({ row: { provider } }) => [
    { text: 'Test sign-in', path: `/providers/${provider?.id ?? ''}/test` },
    { text: 'Delete', path: `/providers/${provider?.id ?? ''}/delete`, isHarm: true },
  ],
  lead: ({ row }) => `Register this callback address at the provider: ${row.provider?.callback_url ?? ''}`,
  values: ({ row: { provider, schemas } }) =>
    new FormValues({
      name: provider?.name ?? '',
      email_domains: provider?.email_domains.join('\n') ?? '',
      is_default: String(provider?.is_default ?? false),
      is_disabled: String(provider?.is_disabled ?? false),
      session_hours: String((provider?.session_lifetime_seconds ?? 0) / 3_600),
      client_days: String((provider?.client_token_lifetime_seconds ?? 0) / 86_400),
      ...settingsValues(schemas.get(provider?.type ?? '') ?? null, 's', provider?.settings),
    }),
  call: (about, values) => ({
    method: 'PATCH',
    path: `/identity_providers/${about.row.provider?.id ?? ''}`,
    body: providerBody(about, values),
  }),
  done: () => '/providers',
  verb: () => 'Save',
}

/** The page that asks before an identity provider is deleted. */
export const deleteProvider: FormDefinition<ProviderRow> = deletion({
  path: '/providers',
  api: '/identity_providers',
  needs: 'identity_providers:write',
  list: 'Identity providers',
  back: ({ id }) => `/providers/${id}/edit`,
  lead: 'The identities that it linked go along, and its sign-ins end.',
})
