import type { Permission } from '../../../identity/permissions.ts'
import type { Visit } from '../page/admin-parts.ts'
import type { NamedHit } from './named-rows.ts'

interface PaletteAct {
  icon: string
  text: string
  /** Path below the account's `/admin`. */
  path: string
  needs: Permission
}

/** Acts on what was found: each leads to a form. */
const ACTS_ON: Readonly<Record<NamedHit['kind'], (hit: NamedHit) => readonly PaletteAct[]>> = {
  person: ({ id, name }) => [
    { icon: 'person', text: `Edit ${name}`, path: `/people/${id}/edit`, needs: 'actors:write' },
    { icon: 'policy', text: `See what ${name} reaches`, path: `/graph?about=${id}`, needs: 'policies:read' },
  ],
  group: ({ id, name }) => [
    { icon: 'group', text: `Change who is in ${name}`, path: `/groups/${id}/members`, needs: 'groups:write' },
    { icon: 'policy', text: `Add a policy for ${name}`, path: `/policies/new?group_id=${id}`, needs: 'policies:write' },
  ],
  device: ({ id, name }) => [
    { icon: 'device', text: `Delete the device ${name}…`, path: `/devices/${id}/delete`, needs: 'clients:write' },
  ],
  resource: ({ id, name }) => [
    { icon: 'resource', text: `Edit ${name}`, path: `/resources/${id}/edit`, needs: 'resources:write' },
    {
      icon: 'policy',
      text: `Add a policy on ${name}`,
      path: `/policies/new?resource_id=${id}`,
      needs: 'policies:write',
    },
  ],
  site: ({ id, name }) => [
    { icon: 'site', text: `Deploy a gateway at ${name}`, path: `/sites/${id}/deploy`, needs: 'gateways:write' },
  ],
}

const MAKING: readonly PaletteAct[] = [
  { icon: 'person', text: 'Add a person', path: '/people/new', needs: 'actors:write' },
  { icon: 'group', text: 'Add a group', path: '/groups/new', needs: 'groups:write' },
  { icon: 'site', text: 'Add a site', path: '/sites/new', needs: 'sites:write' },
  { icon: 'resource', text: 'Add a resource', path: '/resources/new', needs: 'resources:write' },
  { icon: 'policy', text: 'Add a policy', path: '/policies/new', needs: 'policies:write' },
]

/** Lists what the visitor may do with what was found, and what makes something new and has this name. */
export const paletteActs = ({ may }: Visit, asked: string, hits: readonly NamedHit[]): PaletteAct[] =>
  [
    ...hits.slice(0, 3).flatMap((hit) => ACTS_ON[hit.kind](hit)),
    ...MAKING.filter(({ text }) => text.toLowerCase().includes(asked.toLowerCase())),
  ].filter(({ needs }) => may(needs))
