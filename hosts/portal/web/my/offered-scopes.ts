import { apiPermissionsOf } from '../../identity/permissions.ts'
import { permissionsOfScopes, type Scope } from '../../identity/token-scopes.ts'
import type { ActorType } from '../../store/entities.ts'

/** A scope that a page offers for an API token, in words. */
export interface OfferedScope {
  scope: Scope
  text: string
}

const OFFERED: readonly OfferedScope[] = [
  { scope: 'write', text: 'everything that I may do' },
  { scope: 'read', text: 'reading only' },
  { scope: 'helpdesk', text: 'devices, sign-ins and explanations only' },
]

/** Returns the scopes that make a difference for a person's API token; the first one is the widest. */
export const scopesFor = (type: ActorType): readonly OfferedScope[] => {
  const own = apiPermissionsOf(type)
  const effects = OFFERED.map(({ scope }) =>
    [...permissionsOfScopes([scope])].filter((permission) => own.has(permission)).join(' '),
  )
  return OFFERED.filter((_, at) => effects[at] !== '' && effects.indexOf(effects[at] ?? '') === at)
}
