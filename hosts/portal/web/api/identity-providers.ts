import { z } from 'zod'
import { DAY, HOUR, MINUTE, SECOND } from '../../../../core/runtime/time.ts'
import { ANY_DOMAIN, readProviderDomain } from '../../text/email-domains.ts'
import type { IdentityProviderRow } from '../../store/entities.ts'
import type { Transaction } from '../../store/store.ts'
import { callbackUrl } from '../sign-in/provider-urls.ts'
import { collection, existing, idOf } from './collection.ts'
import type { Endpoint } from './endpoint.ts'
import { flag, keyIn, listOf, listText } from './list-query.ts'
import type { ApiParts } from './parts.ts'
import { checkSettings, identifiesAnew, shownSettings } from './plugin-settings.ts'
import { jsonBody } from './read-body.ts'
import { RemovalQuery } from './removal.ts'
import { defined, Name, rowFields, Settings, timeOf } from './body-fields.ts'

const seconds = (milliseconds: number): number => milliseconds / SECOND

const TokenLifetime = z
  .int()
  .min(seconds(HOUR))
  .max(seconds(90 * DAY))
const SessionLifetime = z
  .int()
  .min(seconds(5 * MINUTE))
  .max(seconds(24 * HOUR))

const EmailDomains = z
  .array(
    z
      .string()
      .max(1_000)
      .refine((text) => readProviderDomain(text) !== undefined, 'is no domain: write example.org, or * for every one'),
  )
  .max(100)
  .describe(
    'E-mail domains whose verified addresses let a person sign in for the first time through this provider; * allows every domain. If left out: * for the first provider of an account, none for others',
  )

const ProviderBody = z
  .object({
    ...rowFields,
    name: z.string(),
    type: z.string(),
    settings: Settings.describe("The plugin's settings; secrets can be written and are never shown"),
    is_default: z.boolean(),
    is_disabled: z.boolean(),
    client_token_lifetime_seconds: z.int(),
    session_lifetime_seconds: z.int(),
    email_domains: z.array(z.string()),
    callback_url: z.url().describe('Address to register at the provider, which sends browsers back there'),
  })
  .meta({ id: 'IdentityProvider' })
/** Schema of a new identity provider. */
export const ProviderDraft = z.strictObject({
  name: Name,
  type: z.string().max(64).describe('The key of an identity provider plugin'),
  settings: Settings.default({}),
  is_default: z
    .boolean()
    .default(false)
    .describe('Whether sign-ins go to this provider at once, without a choice; true for at most one provider'),
  is_disabled: z.boolean().default(false),
  client_token_lifetime_seconds: TokenLifetime.default(seconds(7 * DAY)),
  session_lifetime_seconds: SessionLifetime.default(seconds(8 * HOUR)),
  email_domains: EmailDomains.optional(),
})
const Patch = z.strictObject({
  name: Name.optional(),
  settings: Settings.optional(),
  is_default: z.boolean().optional(),
  is_disabled: z.boolean().optional(),
  client_token_lifetime_seconds: TokenLifetime.optional(),
  session_lifetime_seconds: SessionLifetime.optional(),
  email_domains: EmailDomains.optional(),
})

/** Operations on identity providers, through which people sign in. */
export const identityProviderEndpoints = ({ store, providers: plugins, publicUrl }: ApiParts): Endpoint[] => {
  const draft = jsonBody(ProviderDraft)
  const patch = jsonBody(Patch)

  const providers = collection(
    store,
    'identity_providers',
    (row: IdentityProviderRow): z.infer<typeof ProviderBody> => ({
      id: row.id,
      name: row.name,
      type: row.type,
      settings: shownSettings(plugins, row.type, row.settings),
      is_default: row.isDefault,
      is_disabled: row.isDisabled,
      client_token_lifetime_seconds: row.clientTokenLifetimeSeconds,
      session_lifetime_seconds: row.sessionLifetimeSeconds,
      email_domains: row.emailDomains,
      callback_url: callbackUrl(publicUrl, row),
      created_at: timeOf(row.createdAt),
      updated_at: timeOf(row.updatedAt),
    }),
  )

  const checked = (key: string, settings: Record<string, unknown>, before?: unknown) =>
    checkSettings({ extensions: plugins, key, keyPath: 'type', settings, settingsPath: 'settings', before })

  const insertProvider = providers.insert(async (ctx, tx) => {
    const body = draft.of(ctx)
    const settings = checked(body.type, body.settings)
    if (body.is_default) await unsetDefault(tx)
    const [other] = await tx.list('identity_providers', { limit: 1 })
    return {
      emailDomains: domainsOf(body.email_domains) ?? (other === undefined ? [ANY_DOMAIN] : []),
      name: body.name,
      type: body.type,
      settings,
      isDefault: body.is_default,
      isDisabled: body.is_disabled,
      clientTokenLifetimeSeconds: body.client_token_lifetime_seconds,
      sessionLifetimeSeconds: body.session_lifetime_seconds,
    }
  })
  const patchProvider = providers.patch(async (ctx, tx) => {
    const body = patch.of(ctx)
    const before = await existing(tx, 'identity_providers', idOf(ctx))
    const settings = body.settings === undefined ? undefined : checked(before.type, body.settings, before.settings)
    if (settings !== undefined && identifiesAnew(plugins, before.type, { before: before.settings, after: settings }))
      await endAllOf(tx, before.id)
    if (body.is_default === true) await unsetDefault(tx, before.id)
    return defined({
      emailDomains: domainsOf(body.email_domains),
      name: body.name,
      settings,
      isDefault: body.is_default,
      isDisabled: body.is_disabled,
      clientTokenLifetimeSeconds: body.client_token_lifetime_seconds,
      sessionLifetimeSeconds: body.session_lifetime_seconds,
    })
  })

  const list = listOf('identity_providers', ProviderBody, { ...keyIn('type'), ...flag('isDisabled') })

  return [
    {
      method: 'GET',
      path: '/identity_providers',
      needs: 'identity_providers:read',
      summary: 'Lists the identity providers',
      status: 200,
      description: listText('identity_providers'),
      answer: list.answer,
      query: list.query,
      story: providers.list(list),
    },
    {
      method: 'POST',
      path: '/identity_providers',
      needs: 'identity_providers:write',
      summary: 'Creates an identity provider',
      body: ProviderDraft,
      status: 201,
      answer: ProviderBody,
      story: [draft.read, insertProvider],
    },
    {
      method: 'GET',
      path: '/identity_providers/:id',
      needs: 'identity_providers:read',
      summary: 'Shows an identity provider',
      status: 200,
      answer: ProviderBody,
      story: [providers.show],
    },
    {
      method: 'PATCH',
      path: '/identity_providers/:id',
      needs: 'identity_providers:write',
      summary:
        'Changes an identity provider; secrets that are left out stay, unless a web address changes. Another issuer or client id signs everybody out and removes the identities',
      body: Patch,
      status: 200,
      answer: ProviderBody,
      story: [patch.read, patchProvider],
    },
    {
      method: 'DELETE',
      path: '/identity_providers/:id',
      needs: 'identity_providers:write',
      query: RemovalQuery,
      summary: 'Removes an identity provider with the identities and tokens from its sign-ins',
      status: 204,
      story: [providers.remove()],
    },
  ]
}

const domainsOf = (typed: readonly string[] | undefined): string[] | undefined =>
  typed === undefined ? undefined : [...new Set(typed.map(readProviderDomain).filter((domain) => domain !== undefined))]

/** Ends all sessions, tokens and unfinished sign-ins from a provider, and removes its identities. */
const endAllOf = async (tx: Transaction, identityProviderId: string): Promise<void> => {
  for (const { id } of await tx.list('identities', { where: { identityProviderId } })) await tx.remove('identities', id)
  for (const { id } of await tx.list('tokens', { where: { identityProviderId } })) await tx.remove('tokens', id)
  await tx.endSessions({ identityProviderId })
  await tx.endUnfinishedSignIns({ identityProviderId })
}

const unsetDefault = async (tx: Transaction, except?: string): Promise<void> => {
  for (const { id } of await tx.list('identity_providers', { where: { isDefault: true } })) {
    if (id !== except) await tx.patch('identity_providers', id, { isDefault: false })
  }
}
