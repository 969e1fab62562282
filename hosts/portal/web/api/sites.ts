import { z } from 'zod'
import type { Site } from '../../store/entities.ts'
import { collection, existing, idOf } from './collection.ts'
import type { Endpoint } from './endpoint.ts'
import { defined, Name, rowFields, Settings, timeOf } from './body-fields.ts'
import { exactly, keyIn, listOf, listText } from './list-query.ts'
import type { ApiParts } from './parts.ts'
import { checkSettings, shownSettings } from './plugin-settings.ts'
import { RemovalQuery } from './removal.ts'
import { jsonBody } from './read-body.ts'

const SiteBody = z
  .object({ ...rowFields, name: z.string(), selector: z.string(), selector_settings: Settings })
  .meta({ id: 'Site' })
/** Schema of a new site. */
export const SiteDraft = z.strictObject({
  name: Name,
  selector: z.string().max(64).default('random').describe('The key of a gateway selector plugin'),
  selector_settings: Settings.default({}),
})
const Patch = z.strictObject({
  name: Name.optional(),
  selector: z.string().max(64).optional(),
  selector_settings: Settings.optional(),
})

/** Operations on sites, the places with gateways. */
export const siteEndpoints = ({ store, selectors }: ApiParts): Endpoint[] => {
  const draft = jsonBody(SiteDraft)
  const patch = jsonBody(Patch)
  const sites = collection(store, 'sites', (row: Site): z.infer<typeof SiteBody> => ({
    id: row.id,
    name: row.name,
    selector: row.selector,
    selector_settings: shownSettings(selectors, row.selector, row.selectorSettings),
    created_at: timeOf(row.createdAt),
    updated_at: timeOf(row.updatedAt),
  }))
  const selection = (key: string, settings: Record<string, unknown>, before?: unknown) =>
    checkSettings({
      extensions: selectors,
      key,
      keyPath: 'selector',
      settings,
      settingsPath: 'selector_settings',
      before,
    })

  const insertSite = sites.insert(async (ctx) => {
    const { name, selector, selector_settings } = draft.of(ctx)
    return Promise.resolve({ name, selector, selectorSettings: selection(selector, selector_settings) })
  })
  const patchSite = sites.patch(async (ctx, tx) => {
    const { name, selector, selector_settings } = patch.of(ctx)
    if (selector === undefined && selector_settings === undefined) return defined({ name })
    const before = await existing(tx, 'sites', idOf(ctx))
    const key = selector ?? before.selector
    const stored = key === before.selector ? before.selectorSettings : {}
    const settings = selector_settings ?? (stored as Record<string, unknown>)
    const selectorSettings = selection(key, settings, stored)
    return defined({ name, selector, selectorSettings })
  })

  const list = listOf('sites', SiteBody, { ...exactly('name'), ...keyIn('selector') })

  return [
    {
      method: 'GET',
      path: '/sites',
      needs: 'sites:read',
      summary: 'Lists the sites',
      status: 200,
      description: listText('sites'),
      answer: list.answer,
      query: list.query,
      story: sites.list(list),
    },
    {
      method: 'POST',
      path: '/sites',
      needs: 'sites:write',
      summary: 'Creates a site',
      body: SiteDraft,
      status: 201,
      answer: SiteBody,
      story: [draft.read, insertSite],
    },
    {
      method: 'GET',
      path: '/sites/:id',
      needs: 'sites:read',
      summary: 'Shows a site',
      status: 200,
      answer: SiteBody,
      story: [sites.show],
    },
    {
      method: 'PATCH',
      path: '/sites/:id',
      needs: 'sites:write',
      summary: 'Changes a site',
      body: Patch,
      status: 200,
      answer: SiteBody,
      story: [patch.read, patchSite],
    },
    {
      method: 'DELETE',
      path: '/sites/:id',
      needs: 'sites:write',
      query: RemovalQuery,
      summary: 'Removes a site with its gateways, gateway tokens and resources',
      status: 204,
      story: [sites.remove()],
    },
  ]
}
