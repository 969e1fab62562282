import type { PluginRow, Rows } from '../page/api-rows.ts'
import type { Visit } from '../page/admin-parts.ts'
import type { Field, FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import { adjustItems, settingsFields, settingsOf, settingsValues } from '../form/settings-fields.ts'

type Schemas = ReadonlyMap<string, Record<string, unknown> | null>

interface Resolver {
  type: string
  settings: Record<string, unknown>
  match?: string[]
}

interface DnsAbout {
  search_domain: string | null
  upstream_resolvers: Resolver[]
  schemas: Schemas
}

const schemasOf = async (visit: Visit): Promise<Schemas> =>
  new Map(
    (await visit.get<Rows<PluginRow>>('/plugins')).data.flatMap(({ provides }) =>
      provides.flatMap(({ point, key, settings }) =>
        point === 'upstream-resolvers' ? [[key, settings] as const] : [],
      ),
    ),
  )

/** The form with the resolvers that clients ask for names that are no resources, and the search domain. */
export const dnsForm: FormDefinition<DnsAbout> = {
  path: '/dns',
  needs: 'dns:write',
  reading: { needs: 'dns:read' },
  load: async (visit) => {
    const { parts, caller } = visit
    const path = '/account'
    const outcome = await parts.api.call<Omit<DnsAbout, 'schemas'>>(caller, { method: 'GET', path })
    if (!outcome.ok) throw outcome.problem
    return { row: { ...outcome.body, schemas: await schemasOf(visit) }, version: outcome.version }
  },
  title: () => 'DNS',
  crumbs: () => [],
  lead: () =>
    'Names of resources are answered by the gateway’s site. For all others clients ask these resolvers, in this order; without any, each client asks those of its machine.',
  values: ({ row: { search_domain: domain, upstream_resolvers: resolvers, schemas } }) =>
    new FormValues({
      search_domain: domain ?? '',
      r: resolvers.map((_, index) => String(index)),
      ...Object.fromEntries(
        resolvers.flatMap(({ type, match = [] }, index) => [
          [`r${index}`, type],
          [`m${index}`, match.join('\n')],
        ]),
      ),
      ...(Object.assign(
        {},
        ...resolvers.map(({ type, settings }, index) =>
          settingsValues(schemas.get(type) ?? null, `r${index}`, settings),
        ),
      ) as Record<string, string>),
    }),
  fields: ({ row: { schemas } }, values) => [
    {
      kind: 'text',
      name: 'search_domain',
      label: 'Search domain',
      help: 'Clients complete short names with it: wiki becomes wiki.example.org. May be empty.',
      isWide: true,
    },
    { kind: 'heading', text: 'Resolvers', aside: 'asked in this order' },
    ...values.all('r').map((index, place): Field => {
      const type = values.one(`r${index}`)
      const path = `upstream_resolvers[${place}]`
      return {
        kind: 'frame',
        legend: `${place + 1}. ${schemas.has(type) ? type : `${type} (no plugin has it)`}`,
        remove: { name: 'remove', value: `r.${index}`, text: 'Remove' },
        fields: [
          { kind: 'hidden', name: 'r', label: '', path: '', only: index },
          { kind: 'hidden', name: `r${index}`, label: '', path: '' },
          ...settingsFields(schemas.get(type) ?? null, { prefix: `r${index}`, path: `${path}.settings`, values }),
          {
            kind: 'lines',
            name: `m${index}`,
            label: 'Only for these domains',
            path: `${path}.match`,
            rows: 2,
            help: 'One a line, with all names below them. Empty: for all names.',
          },
        ],
      }
    }),
    {
      kind: 'adding',
      name: 'kind',
      label: 'Kind of resolver',
      options: [...schemas.keys()].map((value) => ({ value, text: value })),
      button: 'Add resolver',
    },
  ],
  adjust: (values, { row: { schemas } }) => {
    if (values.one('add') === '') return adjustItems(values)
    const next = String(Math.max(-1, ...values.all('r').map(Number)) + 1)
    const kind = values.one('kind')
    const defaults = settingsValues(schemas.get(kind) ?? null, `r${next}`, {})
    return values.with({ ...defaults, r: [...values.all('r'), next], [`r${next}`]: kind, add: undefined })
  },
  call: ({ row: { schemas } }, values) => ({
    method: 'PATCH',
    path: '/account',
    body: {
      search_domain: values.textOrNull('search_domain'),
      upstream_resolvers: values.all('r').map((index) => {
        const type = values.one(`r${index}`)
        const match = values.lines(`m${index}`)
        return {
          type,
          settings: settingsOf(schemas.get(type) ?? null, `r${index}`, values),
          ...(match.length === 0 ? {} : { match }),
        }
      }),
    },
  }),
  done: () => '/dns',
  verb: () => 'Save',
  leave: () => '',
}
