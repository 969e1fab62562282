import type { GatewayRow, NamedRow, PluginRow, Rows, SiteRow } from '../page/api-rows.ts'
import type { Visit } from '../page/admin-parts.ts'
import { deletion } from '../form/deletion.ts'
import type { Field, FormAbout, FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import { loadedRow } from '../form/load-row.ts'
import { adjustItems, settingsFields, settingsOf, settingsValues } from '../form/settings-fields.ts'

type Schemas = ReadonlyMap<string, Record<string, unknown> | null>

interface SiteAbout {
  site: SiteRow | undefined
  selectors: Schemas
}

const CRUMBS = ({ base }: Visit) => [{ text: 'Sites', url: `${base}/sites` }]

const selectorsOf = async (visit: Visit): Promise<Schemas> =>
  new Map(
    (await visit.get<Rows<PluginRow>>('/plugins')).data.flatMap(({ provides }) =>
      provides.flatMap(({ point, key, settings }) => (point === 'gateway-selectors' ? [[key, settings] as const] : [])),
    ),
  )

const siteFields = ({ row: { selectors } }: FormAbout<SiteAbout>, values: FormValues): Field[] => [
  { kind: 'text', name: 'name', label: 'Name' },
  {
    kind: 'select',
    name: 'selector',
    label: 'Which gateway serves a client',
    options: [...selectors.keys()].map((key) => ({ value: key, text: key })),
  },
  ...settingsFields(selectors.get(values.one('selector')) ?? null, { prefix: 's', path: 'selector_settings', values }),
]

const siteBody = ({ row: { selectors } }: FormAbout<SiteAbout>, values: FormValues) => ({
  name: values.one('name').trim(),
  selector: values.one('selector'),
  selector_settings: settingsOf(selectors.get(values.one('selector')) ?? null, 's', values),
})

/** The form for a new site. */
export const newSite: FormDefinition<SiteAbout> = {
  path: '/sites/new',
  needs: 'sites:write',
  load: async (visit) => ({ row: { site: undefined, selectors: await selectorsOf(visit) }, version: undefined }),
  title: () => 'Add a site',
  crumbs: ({ visit }) => CRUMBS(visit),
  values: () => new FormValues({ selector: 'random' }),
  fields: siteFields,
  adjust: adjustItems,
  call: (about, values) => ({ method: 'POST', path: '/sites', body: siteBody(about, values) }),
  done: (_, answer) => `/sites/${(answer as NamedRow).id}`,
  verb: () => 'Add',
  leave: () => '/sites',
}

/** The form that changes a site. */
export const editSite: FormDefinition<SiteAbout> = {
  ...newSite,
  path: '/sites/:id/edit',
  load: async (visit) => {
    const { row: site, version } = await loadedRow<SiteRow>('/sites')(visit)
    return { row: { site, selectors: await selectorsOf(visit) }, version }
  },
  title: ({ row }) => `Edit ${row.site?.name ?? ''}`,
  values: ({ row: { site, selectors } }) =>
    new FormValues({
      name: site?.name ?? '',
      selector: site?.selector ?? '',
      ...settingsValues(selectors.get(site?.selector ?? '') ?? null, 's', site?.selector_settings),
    }),
  call: (about, values) => ({
    method: 'PATCH',
    path: `/sites/${about.row.site?.id ?? ''}`,
    body: siteBody(about, values),
  }),
  done: ({ row }) => `/sites/${row.site?.id ?? ''}`,
  verb: () => 'Save',
  leave: ({ row }) => `/sites/${row.site?.id ?? ''}`,
}

/** The page that asks before a site is deleted. */
export const deleteSite: FormDefinition<SiteRow> = deletion({
  path: '/sites',
  api: '/sites',
  needs: 'sites:write',
  list: 'Sites',
  lead: 'Its gateways, their tokens, its resources and the policies on them go along.',
})

/** The page that asks before a gateway's row is deleted. */
export const deleteGateway: FormDefinition<GatewayRow> = {
  ...deletion<GatewayRow>({
    path: '/gateways',
    api: '/gateways',
    needs: 'gateways:write',
    list: 'Sites',
    back: ({ site_id: id }) => `/sites/${id}`,
    lead: 'A gateway that still has a token comes back by itself: revoke the token, too.',
  }),
  crumbs: ({ visit }) => CRUMBS(visit),
  done: ({ row }) => `/sites/${row.site_id}`,
}
