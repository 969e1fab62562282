import type { Permission } from '../../../identity/permissions.ts'

/** One line of the list of pages. */
interface Entry {
  text: string
  /** Path below the account's `/admin`. */
  path: string
  needs: Permission
}

/** The list of pages for admins, in the order in which it is shown. */
export const SITE_MAP: readonly { heading?: string; entries: readonly Entry[] }[] = [
  { entries: [{ text: 'Overview', path: '', needs: 'actors:read' }] },
  {
    heading: 'Who',
    entries: [
      { text: 'People', path: '/people', needs: 'actors:read' },
      { text: 'Service accounts', path: '/service-accounts', needs: 'actors:read' },
      { text: 'Groups', path: '/groups', needs: 'groups:read' },
      { text: 'Devices', path: '/devices', needs: 'clients:read' },
    ],
  },
  {
    heading: 'What',
    entries: [
      { text: 'Sites', path: '/sites', needs: 'sites:read' },
      { text: 'Resources', path: '/resources', needs: 'resources:read' },
      { text: 'DNS', path: '/dns', needs: 'dns:read' },
    ],
  },
  {
    heading: 'Access',
    entries: [
      { text: 'Policies', path: '/policies', needs: 'policies:read' },
      { text: 'Access graph', path: '/graph', needs: 'policies:read' },
      { text: 'Explain', path: '/explain', needs: 'explain:read' },
      { text: 'Simulate', path: '/simulate', needs: 'policies:read' },
    ],
  },
  {
    heading: 'Record',
    entries: [
      { text: 'Authorizations', path: '/authorizations', needs: 'authorizations:read' },
      { text: 'Audit trail', path: '/audit', needs: 'audit_log:read' },
    ],
  },
  {
    heading: 'Account',
    entries: [
      { text: 'Identity providers', path: '/providers', needs: 'identity_providers:read' },
      { text: 'Tokens', path: '/tokens', needs: 'tokens:read' },
      { text: 'Plugins', path: '/plugins', needs: 'plugins:read' },
      { text: 'Settings', path: '/settings', needs: 'account:read' },
    ],
  },
]
