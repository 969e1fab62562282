import { z } from 'zod'
import { DAY, SECOND, unixTime, type UnixTime } from '../../../../core/runtime/time.ts'
import type { Gateway, SignInStatements, Token } from '../../store/entities.ts'
import { apiPermissionsOf, type Permission } from '../../identity/permissions.ts'
import { DEFAULT_SCOPES, permissionsOfScopes, SCOPES, type Scope } from '../../identity/token-scopes.ts'
import { API_TOKEN_LIFE_MS, type MintedToken, type TokenDraft } from '../../identity/tokens.ts'
import { invalidBody, notFound, Problem } from '../http/problem.ts'
import { collection, existing, idOf, scopeOf } from './collection.ts'
import { API_PATH, type ApiContext, type Authority, type Endpoint, type ApiMiddleware } from './endpoint.ts'
import { flag, idsIn, isNull, listOf, listText, oneOf, period } from './list-query.ts'
import type { ApiParts } from './parts.ts'
import { checkGoverns } from './permit.ts'
import { jsonBody, type Read } from './read-body.ts'
import { RemovalQuery } from './removal.ts'
import { CreatedToken, defined, Id, Name, rowFields, Time, timeOf, timeOrNull, unixTimeOf } from './body-fields.ts'

const TokenBody = z
  .object({
    ...rowFields,
    kind: z.enum(['client', 'gateway', 'relay', 'api']),
    name: z.string(),
    actor_id: Id.nullable(),
    site_id: Id.nullable(),
    gateway_id: Id.nullable().describe('The only gateway that may use it; null if every gateway of the site may'),
    identity_provider_id: Id.nullable(),
    sign_in: z
      .object({
        authenticated_at: Time.nullable(),
        methods: z.array(z.string()).nullable(),
        groups: z.array(z.string()).nullable(),
        claims: z.record(z.string(), z.unknown()).nullable(),
      })
      .nullable()
      .describe(
        'Statements of the identity provider at the sign-in that made the token, which conditions may read; each null if it said nothing',
      ),
    scopes: z
      .array(z.string())
      .nullable()
      .describe('What an API token may do, within what its actor and its maker may; null for the other kinds'),
    maker_id: Id.nullable().describe(
      'Person who made it; null if the portal did, or an earlier version that did not note it',
    ),
    is_emergency: z
      .boolean()
      .describe('Whether it was made in a session by an emergency code, or by a token of such a session'),
    expires_at: Time.nullable(),
    last_used_at: Time.nullable(),
  })
  .meta({ id: 'Token' })
const Kind = TokenBody.shape.kind
const ofKind = (kind: Token['kind']) => [{ column: 'kind' as const, in: [kind] }]
const Draft = z.strictObject({
  name: Name.optional(),
  expires_at: Time.nullable()
    .default(null)
    .describe(
      'Null if it is valid until revoked; a token of a person that a token of an emergency makes ends with that',
    ),
})
const ApiDraft = Draft.extend({
  scopes: z
    .array(z.enum(SCOPES))
    .min(1)
    .max(SCOPES.length)
    .default([...DEFAULT_SCOPES])
    .describe(
      'What the token may do: `write` everything that its actor may, `read` reading only, `helpdesk` what the helpdesk may, or single permissions, ' +
        'such as `policies:write`, which includes `policies:read`. A token makes no token that may do more than itself.',
    ),
  expires_at: Time.nullable()
    .optional()
    .describe(
      'In 90 days if absent; null if it is valid until revoked; made by a token of an emergency, it ends with that',
    ),
})

const Patch = z.strictObject({ name: Name.optional() })
const Rotation = z.strictObject({
  overlap_seconds: z
    .int()
    .min(0)
    .max((7 * DAY) / SECOND)
    .default(DAY / SECOND)
    .describe('Time for which the previous tokens stay valid'),
})
const RotatedToken = CreatedToken.extend({ previous_end_at: Time })

/** Operations on tokens, which are made for a site's gateways, for relays or for an actor, shown once, and revoked by removal. */
export const tokenEndpoints = ({ store, tokens, clock }: ApiParts): Endpoint[] => {
  const draft = jsonBody(Draft)
  const apiDraft = jsonBody(ApiDraft)
  const patch = jsonBody(Patch)
  const rotation = jsonBody(Rotation)
  const rows = collection(store, 'tokens', toWire)

  /** Makes a middleware that mints a token in one transaction with the check of its purpose, and shows it once. */
  const mint =
    (
      purpose: (ctx: ApiContext) => (tx: Parameters<typeof existing>[0]) => Promise<Omit<TokenDraft, 'expiresAt'>>,
      asked: Pick<Read<{ name?: string | undefined; expires_at?: string | null | undefined }>, 'of'> = draft,
    ): ApiMiddleware =>
    async (ctx) => {
      const { name, expires_at = timeOf(unixTime(clock.unix() + API_TOKEN_LIFE_MS)) } = asked.of(ctx)
      const expiresAt = expires_at === null ? null : unixTimeOf(expires_at)
      if (expiresAt !== null && expiresAt <= clock.unix()) {
        throw invalidBody([{ path: 'expires_at', message: 'is in the past' }])
      }
      const minted: MintedToken = await store.transact(scopeOf(ctx), async (tx) => {
        const wanted = await purpose(ctx)(tx)
        const life = lifeBy(ctx.state.authority, wanted.kind, expiresAt)
        return tokens.mint(tx, ctx.state.account.id, {
          ...wanted,
          name: name ?? wanted.name,
          makerId: makerOf(ctx),
          ...life,
        })
      })
      const { id, expiresAt: ends } = minted.token
      answerWithToken(ctx, { id, token: minted.text, expires_at: timeOrNull(ends) })
    }

  const mintGatewayToken = mint((ctx) => async (tx) => {
    const site = await existing(tx, 'sites', idOf(ctx))
    return { kind: 'gateway', name: `Gateways of ${site.name}`.slice(0, 255), siteId: site.id }
  })
  const mintOwnToken = mint((ctx) => async (tx) => {
    const gateway = await existing(tx, 'gateways', idOf(ctx))
    return ownTokenOf(gateway)
  })
  const rotateToken: ApiMiddleware = async (ctx) => {
    const { overlap_seconds: overlap } = rotation.of(ctx)
    const previousEnd = unixTime(clock.unix() + overlap * SECOND)
    const { text, token } = await store.transact(scopeOf(ctx), async (tx) => {
      const gateway = await existing(tx, 'gateways', idOf(ctx))
      for (const { id, expiresAt } of await tx.list('tokens', { where: { gatewayId: gateway.id } })) {
        if (expiresAt !== null && expiresAt <= previousEnd) continue
        await tx.patch('tokens', id, { expiresAt: previousEnd })
      }
      return tokens.mint(tx, ctx.state.account.id, { ...ownTokenOf(gateway), makerId: makerOf(ctx), expiresAt: null })
    })
    answerWithToken(ctx, { id: token.id, token: text, expires_at: null, previous_end_at: timeOf(previousEnd) })
  }
  const mintRelayToken = mint(() => async () => Promise.resolve({ kind: 'relay', name: 'Relays' }))
  const mintClientToken = mint((ctx) => async (tx) => {
    const actor = await existing(tx, 'actors', idOf(ctx))
    checkGoverns(ctx, actor.type)
    return { kind: 'client', name: 'Client', actorId: actor.id }
  })
  const mintApiToken = mint(
    (ctx) => async (tx) => {
      const actor = await existing(tx, 'actors', idOf(ctx))
      if (actor.type === 'user') {
        throw invalidBody([
          {
            path: '(top)',
            message: 'Only owners, admins, auditors, the helpdesk and service accounts have API tokens.',
          },
        ])
      }
      checkGoverns(ctx, actor.type)
      const { scopes } = apiDraft.of(ctx)
      checkScopes(ctx, scopes)
      return { kind: 'api', name: 'API', actorId: actor.id, scopes }
    },
    apiDraft,
  )

  const patchToken = rows.patch(async (ctx) => Promise.resolve(defined(patch.of(ctx))))

  const revokeClientToken = rows.remove(async (ctx, tx) => {
    if ((await existing(tx, 'tokens', idOf(ctx))).kind !== 'client') throw notFound()
  })

  const minting = (path: string, summary: string, step: ApiMiddleware): Endpoint => ({
    method: 'POST',
    path,
    needs: 'tokens:write',
    summary,
    body: Draft,
    status: 201,
    answer: CreatedToken,
    story: [draft.read, step],
  })
  const listing = (
    path: string,
    summary: string,
    story: readonly ApiMiddleware[],
    needs: Permission = 'tokens:read',
  ): Endpoint => ({
    method: 'GET',
    path,
    needs,
    summary,
    status: 200,
    description: listText('tokens'),
    answer: list.answer,
    query: list.query,
    story,
  })

  const list = listOf('tokens', TokenBody, {
    ...oneOf('kind', Kind),
    ...idsIn('actorId'),
    ...idsIn('siteId'),
    ...idsIn('gatewayId'),
    ...idsIn('identityProviderId'),
    ...flag('isEmergency'),
    ...period('expiresAt'),
    ...isNull('expiresAt'),
    ...period('lastUsedAt'),
    ...isNull('lastUsedAt'),
  })

  return [
    minting('/sites/:id/gateway_tokens', 'Creates a token for the gateways of a site', mintGatewayToken),
    listing(
      '/sites/:id/gateway_tokens',
      "Lists a site's gateway tokens",
      rows.list(list, { parent: 'sites', within: (id) => [...ofKind('gateway'), { column: 'siteId', in: [id] }] }),
    ),
    minting('/gateways/:id/tokens', 'Creates a token that this gateway alone may use', mintOwnToken),
    listing(
      '/gateways/:id/tokens',
      "Lists a gateway's own tokens",
      rows.list(list, {
        parent: 'gateways',
        within: (id) => [...ofKind('gateway'), { column: 'gatewayId', in: [id] }],
      }),
    ),
    {
      method: 'POST',
      path: '/gateways/:id/rotate_token',
      needs: 'tokens:write',
      summary: 'Creates a new token for this gateway alone, and ends its previous ones after an overlap',
      body: Rotation,
      status: 201,
      answer: RotatedToken,
      story: [rotation.read, rotateToken],
    },
    minting('/relay_tokens', 'Creates a token for relays, which peers of this account are offered', mintRelayToken),
    listing('/relay_tokens', 'Lists the relay tokens', rows.list(list, { within: ofKind('relay') })),
    minting('/actors/:id/client_tokens', 'Creates a token for a client of an actor', mintClientToken),
    listing(
      '/actors/:id/client_tokens',
      "Lists an actor's client tokens",
      rows.list(list, { parent: 'actors', within: (id) => [...ofKind('client'), { column: 'actorId', in: [id] }] }),
      'sessions:read',
    ),
    {
      method: 'DELETE',
      path: '/client_tokens/:id',
      needs: 'sessions:write',
      query: RemovalQuery,
      summary: 'Revokes a client token, so that whoever uses it has to sign in again',
      status: 204,
      story: [revokeClientToken],
    },
    {
      ...minting(
        '/actors/:id/api_tokens',
        'Creates an API token of a person with a role or a service account',
        mintApiToken,
      ),
      body: ApiDraft,
      story: [apiDraft.read, mintApiToken],
    },
    listing(
      '/actors/:id/api_tokens',
      "Lists an actor's API tokens",
      rows.list(list, { parent: 'actors', within: (id) => [...ofKind('api'), { column: 'actorId', in: [id] }] }),
    ),
    listing('/tokens', 'Lists all tokens', rows.list(list)),
    {
      method: 'GET',
      path: '/tokens/:id',
      needs: 'tokens:read',
      summary: 'Shows a token',
      status: 200,
      answer: TokenBody,
      story: [rows.show],
    },
    {
      method: 'PATCH',
      path: '/tokens/:id',
      needs: 'tokens:write',
      summary: 'Renames a token',
      body: Patch,
      status: 200,
      answer: TokenBody,
      story: [patch.read, patchToken],
    },
    {
      method: 'DELETE',
      path: '/tokens/:id',
      needs: 'tokens:write',
      query: RemovalQuery,
      summary: 'Revokes a token',
      status: 204,
      story: [rows.remove()],
    },
  ]
}

/**
 * Life of a token that another token makes. In an emergency a token of a person ends with its maker, as one that is made on a page does;
 * gateways and relays are configuration, which has to stay, as providers and policies do.
 */
const lifeBy = (
  maker: Authority,
  kind: Token['kind'],
  asked: UnixTime | null,
): Pick<TokenDraft, 'expiresAt' | 'isEmergency'> => {
  if (!maker.isEmergency || kind === 'gateway' || kind === 'relay') return { expiresAt: asked }
  const ends = [asked, maker.expiresAt].filter((time) => time !== null)
  return { isEmergency: true, expiresAt: ends.length === 0 ? null : unixTime(Math.min(...ends)) }
}

/** Person whose rights limit a new token: the caller, or whoever made the token of the service account that calls. */
const makerOf = ({ state: { actor, authority } }: ApiContext): string | null =>
  actor.type === 'service_account' ? authority.makerId : actor.id

/**
 * Checks that a new token may do nothing that the call may not do.
 * @throws Problem 403
 */
const checkScopes = (ctx: ApiContext, scopes: readonly Scope[]): void => {
  const {
    actor,
    authority: { permissions },
  } = ctx.state
  const own = apiPermissionsOf(actor.type)
  const beyond = [...permissionsOfScopes(scopes)].filter((each) => own.has(each) && !permissions.has(each))
  if (beyond.length === 0) return
  const detail = `A token makes no token that may do more than itself, which may not do ${beyond.join(', ')}: ask for fewer scopes.`
  throw new Problem(403, 'insufficient_scope', detail)
}

/** Answers with a new token, which is never shown again. */
const answerWithToken = (ctx: ApiContext, shown: z.infer<typeof CreatedToken> & { previous_end_at?: string }): void => {
  ctx.status = 201
  ctx.set('Cache-Control', 'no-store')
  ctx.set('Location', `${API_PATH}/tokens/${shown.id}`)
  ctx.body = shown
}

const ownTokenOf = ({ id, siteId, name }: Gateway): Omit<TokenDraft, 'expiresAt'> => ({
  kind: 'gateway',
  name: `Gateway ${name}`.slice(0, 255),
  siteId,
  gatewayId: id,
})

const toWire = (row: Token): z.infer<typeof TokenBody> => ({
  id: row.id,
  kind: row.kind,
  name: row.name,
  actor_id: row.actorId,
  site_id: row.siteId,
  gateway_id: row.gatewayId,
  identity_provider_id: row.identityProviderId,
  sign_in: row.signIn === null ? null : signInToWire(row.signIn),
  scopes: row.scopes === null ? null : [...row.scopes],
  maker_id: row.makerId,
  is_emergency: row.isEmergency,
  expires_at: timeOrNull(row.expiresAt),
  last_used_at: timeOrNull(row.lastUsedAt),
  created_at: timeOf(row.createdAt),
  updated_at: timeOf(row.updatedAt),
})

const signInToWire = ({
  authenticatedAt,
  methods,
  groups,
  claims,
}: SignInStatements): z.infer<typeof TokenBody>['sign_in'] => ({
  authenticated_at: timeOrNull(authenticatedAt ?? null),
  methods: methods === undefined ? null : [...methods],
  groups: groups === undefined ? null : [...groups],
  claims: claims ?? null,
})
