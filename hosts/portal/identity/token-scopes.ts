import type { Actor, ActorType, Token } from '../store/entities.ts'
import type { Reader } from '../store/store.ts'
import { apiPermissionsOf, PERMISSIONS, permissionsOf, type Permission } from './permissions.ts'

/**
 * Part of what its actor may do that an API token may do: `write` everything, `read` only reading, `helpdesk` what the
 * helpdesk may do, or one permission, such as `policies:write`, which includes `policies:read`.
 */
export type Scope = 'read' | 'helpdesk' | 'write' | Permission

/** Scopes in the order in which they are listed to people. */
export const SCOPES: readonly Scope[] = ['read', 'helpdesk', 'write', ...PERMISSIONS]

/** Scopes of a token made without saying any. */
export const DEFAULT_SCOPES: readonly Scope[] = ['write']

/** Returns the permissions that scopes name. Texts that are no scopes name none. */
export const permissionsOfScopes = (scopes: readonly string[]): ReadonlySet<Permission> =>
  new Set(scopes.flatMap((scope) => namedBy(scope)))

/** Returns what an API token may do at present: what its scopes name, its actor may, and its maker may too. */
export const permissionsOfToken = async (
  reader: Reader,
  { token, actor }: { token: Token; actor: Actor },
): Promise<ReadonlySet<Permission>> => {
  const { scopes, makerId } = token
  const maker = makerId === null || makerId === actor.id ? actor : await reader.get('actors', makerId)
  if (maker === undefined || maker.isDisabled) return new Set()
  return grantedPermissions(scopes ?? [], actor.type, maker.type)
}

/** Returns the permissions that scopes name and that a token's actor and its maker, of these types, both have. */
export const grantedPermissions = (
  scopes: readonly string[],
  actor: ActorType,
  maker: ActorType,
): ReadonlySet<Permission> => {
  const [own, makers] = [apiPermissionsOf(actor), apiPermissionsOf(maker)]
  return new Set([...permissionsOfScopes(scopes)].filter((permission) => own.has(permission) && makers.has(permission)))
}

const namedBy = (scope: string): readonly Permission[] => {
  switch (scope) {
    case 'write':
      return PERMISSIONS
    case 'read':
      return PERMISSIONS.filter((permission) => permission.endsWith(':read'))
    case 'helpdesk':
      return [...permissionsOf('helpdesk')]
    default: {
      const [noun] = scope.split(':')
      return PERMISSIONS.filter((each) => each === scope || (scope.endsWith(':write') && each === `${noun}:read`))
    }
  }
}
