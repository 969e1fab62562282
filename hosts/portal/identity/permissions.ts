import type { ActorType } from '../store/entities.ts'

/** Kind of actor that has pages for admins; an ordinary user and a service account have none. */
export type Role = 'owner' | 'admin' | 'auditor' | 'helpdesk'

export const ROLES = ['owner', 'admin', 'auditor', 'helpdesk'] as const satisfies readonly Role[]

/** Things that a permission is about, in the order in which they are listed to people. */
export const NOUNS = [
  'account',
  /** Actors that are owners: making, changing and removing them, and whatever signs somebody in as one. */
  'owners',
  'actors',
  'groups',
  'identity_providers',
  'identities',
  'clients',
  /** Sign-ins in force: browser sessions at the portal, and client tokens. Writing is ending them. */
  'sessions',
  'sites',
  'gateways',
  'relays',
  'resources',
  'policies',
  'authorizations',
  /** Tokens of every kind. Writing is making, renaming and revoking them. */
  'tokens',
  'dns',
  'plugins',
  /**
   * Answers whether one person may use one resource. Reading one shows the names of that account's resources to choose from, and of
   * the policies on the resource: their descriptions, conditions, verdicts and the facts behind these, as no denial is understood without them.
   */
  'explain',
  'audit_log',
] as const

export type Noun = (typeof NOUNS)[number]
export type Permission = `${Noun}:${'read' | 'write'}`

/** All permissions. Nobody can write the audit log, plugins and explanations: those permissions are reserved. */
export const PERMISSIONS: readonly Permission[] = NOUNS.flatMap(
  (noun) => [`${noun}:read`, `${noun}:write`] as const satisfies readonly Permission[],
)

/** Returns the role of an actor of a type; undefined for users and service accounts. */
export const roleOf = (type: ActorType): Role | undefined => ROLES.find((role) => role === type)

/** Returns all permissions of a role. */
export const permissionsOf = (role: Role): ReadonlySet<Permission> => PERMISSIONS_OF[role]

/** Whether a role, or an actor of that role, has a permission. False for users, service accounts and disabled actors. */
export const may = (
  who: Role | { readonly type: ActorType; readonly isDisabled?: boolean },
  permission: Permission,
): boolean => {
  if (typeof who !== 'string' && who.isDisabled === true) return false
  const role = roleOf(typeof who === 'string' ? who : who.type)
  return role !== undefined && PERMISSIONS_OF[role].has(permission)
}

/** Whether an actor may sign in by an emergency code: an owner or an admin, who can mend what keeps others out. */
export const mayUseEmergencyCode = (actor: { readonly type: ActorType; readonly isDisabled: boolean }): boolean =>
  may(actor, 'account:write')

/** Returns all permissions that an API token of an actor of this type can have at most. */
export const apiPermissionsOf = (type: ActorType): ReadonlySet<Permission> => {
  if (type === 'service_account') return PERMISSIONS_OF.admin
  const role = roleOf(type)
  return role === undefined ? new Set() : PERMISSIONS_OF[role]
}

/**
 * Whether an actor of type `by` may make, change, remove or sign in an actor of type `of`, provided that it may write
 * actors at all. A service account does so with users and service accounts only, and only an owner with owners: so
 * nobody can make, or become, somebody with more rights.
 */
export const governs = (by: ActorType, of: ActorType): boolean => {
  switch (by) {
    case 'owner':
      return true
    case 'admin':
      return of !== 'owner'
    case 'service_account':
      return of === 'user' || of === 'service_account'
    case 'auditor':
    case 'helpdesk':
    case 'user':
      return false
  }
}

const READS = PERMISSIONS.filter((permission) => permission.endsWith(':read'))

/**
 * Permissions that only an owner has. Whoever changes an identity provider decides who signs in as whom, owners
 * included.
 */
const OWNERS_ONLY: readonly Permission[] = ['owners:write', 'identity_providers:write']

const PERMISSIONS_OF: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  owner: new Set(PERMISSIONS),
  admin: new Set(PERMISSIONS.filter((permission) => !OWNERS_ONLY.includes(permission))),
  auditor: new Set(READS),
  helpdesk: new Set<Permission>([
    'actors:read',
    'groups:read',
    'clients:read',
    'clients:write',
    'sessions:read',
    'sessions:write',
    'explain:read',
  ]),
}
