import type { Permission } from '../../../identity/permissions.ts'

/** One line of the list of pages. */
interface Entry {
  text: string
  /** Path below the account's `/admin`. */
  path: string
  needs: Permission
  /** Key that opens the page after `g`. */
  key?: string
}

/** The list of pages for admins, in the order in which it is shown. */
export const SITE_MAP: readonly { heading?: string; entries: readonly Entry[] }[] = [
  { entries: [{ text: 'Overview', path: '', key: 'o', needs: 'actors:read' }] },
  {
    heading: 'Who',
    entries: [
      { text: 'People', path: '/people', key: 'p', needs: 'actors:read' },
      { text: 'Service accounts', path: '/service-accounts', needs: 'actors:read' },
      { text: 'Groups', path: '/groups', key: 'g', needs: 'groups:read' },
      { text: 'Devices', path: '/devices', key: 'd', needs: 'clients:read' },
    ],
  },
  {
    heading: 'What',
    entries: [
      { text: 'Sites', path: '/sites', key: 's', needs: 'sites:read' },
      { text: 'Resources', path: '/resources', key: 'r', needs: 'resources:read' },
      { text: 'DNS', path: '/dns', needs: 'dns:read' },
    ],
  },
  {
    heading: 'Access',
    entries: [
      { text: 'Policies', path: '/policies', key: 'l', needs: 'policies:read' },
      { text: 'Access graph', path: '/graph', needs: 'policies:read' },
      { text: 'Explain', path: '/explain', key: 'x', needs: 'explain:read' },
      { text: 'Simulate', path: '/simulate', needs: 'policies:read' },
    ],
  },
  {
    heading: 'Record',
    entries: [
      { text: 'Authorizations', path: '/authorizations', needs: 'authorizations:read' },
      { text: 'Audit trail', path: '/audit', key: 'a', needs: 'audit_log:read' },
    ],
  },
  {
    heading: 'Account',
    entries: [
      { text: 'Identity providers', path: '/providers', needs: 'identity_providers:read' },
      { text: 'Tokens', path: '/tokens', needs: 'tokens:read' },
      { text: 'Plugins', path: '/plugins', needs: 'plugins:read' },
      { text: 'Settings', path: '/settings', needs: 'account:read' },
      { text: 'Keyboard', path: '/keyboard', needs: 'actors:read' },
    ],
  },
]
