import { apiPermissionsOf, may } from '../../../identity/permissions.ts'
import { DEFAULT_SCOPES } from '../../../identity/token-scopes.ts'
import { EMERGENCY_MS } from '../../sign-in/emergency.ts'
import type { PortalSession } from '../../sign-in/session.ts'
import { unixTime } from '../../../../../core/runtime/time.ts'
import { readLines } from '../../api/streamed-rows.ts'
import type { AdminContext, PageParts, Visit } from './admin-parts.ts'
import { readPreferences, type Preferences } from './preferences.ts'

/** Describes a visit of a session's person to a page. */
export const visitOf = (parts: PageParts, ctx: AdminContext, session: PortalSession): Visit => {
  const { account, actor, provider, begunAt } = session
  const { clientAddress } = ctx.state
  const caller: Visit['caller'] = {
    clientAddress,
    account,
    actor,
    // Tokens that a session by an emergency code makes for people end with it.
    authority: {
      isEmergency: provider === undefined,
      expiresAt: provider === undefined ? unixTime(begunAt + EMERGENCY_MS) : null,
      scopes: DEFAULT_SCOPES,
      makerId: actor.id,
      permissions: apiPermissionsOf(actor.type),
    },
    by: { type: 'actor', actorId: actor.id, via: 'session', remoteIp: clientAddress },
  }
  const get = async <Body>(path: string, query: Readonly<Record<string, string>> = {}): Promise<Body> => {
    const outcome = await parts.api.call<Body>(caller, { method: 'GET', path, query })
    if (!outcome.ok) throw outcome.problem
    return outcome.body
  }
  let preferences: Promise<Preferences> | undefined
  return {
    ctx,
    parts,
    session,
    caller,
    base: `/${account.slug}/admin`,
    query: Object.fromEntries(
      [...new URLSearchParams(ctx.querystring)].map(([name, text]) => [name, text.replaceAll(/\p{Cc}/gu, '')]),
    ),
    may: (permission) => may(actor, permission),
    get,
    rows: async <Row>(path: string, query: Readonly<Record<string, string>>) =>
      readLines<Row>(await get<AsyncIterable<Buffer>>(path, { ...query, format: 'ndjson' })),
    preferences: () => (preferences ??= readPreferences(parts.store, session)),
  }
}
