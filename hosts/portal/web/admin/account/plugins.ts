import type { PluginRow, Rows } from '../page/api-rows.ts'
import { text } from '../page/cell.ts'
import type { DetailDefinition } from '../detail/detail-page.ts'

interface Plugin extends PluginRow {
  package: string
  isolation: string
}

/** The page of the plugins that the portal has loaded. */
export const pluginsPage: DetailDefinition<readonly Plugin[]> = {
  path: '/plugins',
  needs: 'plugins:read',
  watches: [],
  load: async (visit) => (await visit.get<Rows<Plugin>>('/plugins')).data,
  title: () => 'Plugins',
  crumbs: () => [],
  lead: () => 'An operator lists them in the portal’s configuration; all its accounts share them.',
  sections: async (plugins) =>
    Promise.resolve([
      {
        key: 'plugins',
        heading: 'Loaded',
        aside: text(plugins.length),
        nothing: 'None: nobody can sign in, and no policy can have a condition.',
        table: {
          columns: [{ title: 'Plugin' }, { title: 'Version' }, { title: 'Provides' }, { title: 'Package' }],
          rows: plugins.map(({ name, version, description, provides, package: from, isolation }) => ({
            key: name,
            head: { text: name, ...(description === null ? {} : { why: description }) },
            cells: [
              text(version),
              text(provides.map(({ point, key }) => `${point}: ${key}`).join('; ')),
              { text: from, isCode: true, ...(isolation === 'worker' ? { badges: [{ text: 'own thread' }] } : {}) },
            ],
          })),
        },
      },
    ]),
}
