import { apiPermissionsOf, governs, type Permission } from '../../identity/permissions.ts'
import { permissionsOfScopes } from '../../identity/token-scopes.ts'
import type { ActorType } from '../../store/entities.ts'
import { Problem } from '../http/problem.ts'
import type { ApiContext, ApiMiddleware } from './endpoint.ts'

/** Makes the middleware that lets only calls with a permission through; all of them if that is null. */
export const permit =
  (permission: Permission | null): ApiMiddleware =>
  async (ctx, next) => {
    if (permission !== null) checkPermission(ctx, permission)
    await next()
  }

/** Checks that a call has a permission. @throws Problem 403 that says whether role, scopes or the token's maker lack it */
export const checkPermission = (ctx: ApiContext, permission: Permission): void => {
  const { actor, authority } = ctx.state
  if (authority.permissions.has(permission)) return
  if (!apiPermissionsOf(actor.type).has(permission)) {
    throw forbidden(`This needs the permission ${permission}, which ${NAMES[actor.type]} does not have.`)
  }
  if (!permissionsOfScopes(authority.scopes ?? []).has(permission)) {
    // RFC 6750 §3.1
    const challenge = `Bearer error="insufficient_scope", scope="${permission}"`
    const detail = `This needs the scope ${permission}, which this token does not have: make another token for it.`
    throw new Problem(403, 'insufficient_scope', detail, { headers: { 'WWW-Authenticate': challenge } })
  }
  throw forbidden(
    `This needs the permission ${permission}, which the person who made this token does not have any more: have somebody else make another one.`,
  )
}

/**
 * Checks that the caller may make, change, remove or sign in an actor of a type.
 * @throws Problem 403
 */
export const checkGoverns = (ctx: ApiContext, type: ActorType): void => {
  const { actor, authority } = ctx.state
  if (governs(actor.type, type) && (type !== 'owner' || authority.permissions.has('owners:write'))) return
  throw forbidden(
    type === 'owner'
      ? 'Only an owner makes, changes or removes owners, and whatever signs them in.'
      : `Only owners and admins make, change or remove ${PLURALS[type]}, and whatever signs them in; ${NAMES[actor.type]} does not.`,
  )
}

const forbidden = (detail: string): Problem => new Problem(403, 'forbidden', detail)

const NAMES: Readonly<Record<ActorType, string>> = {
  user: 'an ordinary user',
  helpdesk: 'the helpdesk',
  auditor: 'an auditor',
  admin: 'an admin',
  owner: 'an owner',
  service_account: 'a service account',
}

const PLURALS: Readonly<Record<Exclude<ActorType, 'owner'>, string>> = {
  user: 'users',
  helpdesk: 'the helpdesk',
  auditor: 'auditors',
  admin: 'admins',
  service_account: 'service accounts',
}
