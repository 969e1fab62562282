import { equal } from 'node:assert/strict'
import {
  apiPermissionsOf,
  governs,
  may,
  permissionsOf,
  PERMISSIONS,
} from '../../../../hosts/portal/identity/permissions.ts'
import type { ActorType } from '../../../../hosts/portal/store/entities.ts'

const TYPES = ['user', 'helpdesk', 'auditor', 'admin', 'owner', 'service_account'] as const

/** Types of actors that each type of actor may make, change or remove. */
const GOVERNED: Record<ActorType, readonly ActorType[]> = {
  user: [],
  helpdesk: [],
  auditor: [],
  service_account: ['user', 'service_account'],
  admin: ['user', 'helpdesk', 'auditor', 'admin', 'service_account'],
  owner: TYPES,
}

describe('permissions', () => {
  it('an owner may do everything, an admin all but what makes owners', () => {
    equal(PERMISSIONS.filter((each) => !may('owner', each)).join(' '), '')
    equal(PERMISSIONS.filter((each) => !may('admin', each)).join(' '), 'owners:write identity_providers:write')
  })

  it('an auditor reads everything and writes nothing', () => {
    equal(
      PERMISSIONS.every((each) => may('auditor', each) === each.endsWith(':read')),
      true,
    )
  })

  it('the helpdesk has devices, sign-ins and explanations, and looks people up', () => {
    equal(
      [...permissionsOf('helpdesk')].toSorted().join(' '),
      'actors:read clients:read clients:write explain:read groups:read sessions:read sessions:write',
    )
  })

  it('users, service accounts and disabled owners have no permission for pages', () => {
    for (const type of ['user', 'service_account'] as const)
      equal(PERMISSIONS.filter((each) => may({ type }, each)).length, 0, type)
    equal(may({ type: 'owner', isDisabled: true }, 'account:read'), false)
    equal(may({ type: 'owner', isDisabled: false }, 'account:read'), true)
  })

  it('an API token of a user has no permission, and one of a service account never makes owners', () => {
    equal(apiPermissionsOf('user').size, 0)
    equal(apiPermissionsOf('service_account').has('owners:write'), false)
    equal(apiPermissionsOf('service_account').has('identity_providers:write'), false)
  })

  it('only an owner makes owners, and a service account makes nobody with a role', () => {
    for (const by of TYPES)
      for (const of of TYPES) equal(governs(by, of), GOVERNED[by].includes(of), `${by} makes ${of}`)
  })
})
