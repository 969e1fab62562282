import { z } from 'zod'
import { pathOf } from '../../../../core/config/parse-config.ts'
import { MatchDomains, MAX_RESOLVERS } from '../../../../core/config/resolver-entry.ts'
import { patternProblem } from '../../../../core/dns/pattern.ts'
import { ownMachineIn } from '../../../../core/net/own-machine.ts'
import { NEVER_A_SERVER_TEXT } from '../../../../core/net/server-address.ts'
import type { Account } from '../../store/entities.ts'
import { invalidBody, notFound } from '../http/problem.ts'
import { answerWith, existing, scopeOf } from './collection.ts'
import type { Endpoint, ApiMiddleware } from './endpoint.ts'
import type { ApiParts } from './parts.ts'
import { checkPermission } from './permit.ts'
import { checkSettings, shownSettings } from './plugin-settings.ts'
import { jsonBody } from './read-body.ts'
import { checkMatch, rowVersion } from './row-version.ts'
import { defined, Name, rowFields, Settings, timeOf } from './body-fields.ts'

const HostName = z
  .string()
  .max(253)
  .refine((text) => patternProblem(text) === undefined && !/[*?]/.test(text), 'is no domain')
const Resolver = z.strictObject({
  type: z
    .string()
    .max(64)
    .describe('The key of a resolver plugin')
    .meta({ examples: ['udp'] }),
  settings: Settings.default({}).describe("Settings by the plugin's schema"),
  match: MatchDomains.optional().describe(
    'Domains that the resolver is asked for, with all names below them (split DNS); of several resolvers the one with the longest domain. ' +
      'Without it, the resolver is asked for all names.',
  ),
})

const AccountBody = z
  .object({
    ...rowFields,
    slug: z.string(),
    name: z.string(),
    upstream_resolvers: z.array(
      z.object({ type: z.string(), settings: Settings, match: z.array(z.string()).optional() }),
    ),
    search_domain: z.string().nullable(),
  })
  .meta({ id: 'Account' })
const Patch = z.strictObject({
  name: Name.optional(),
  upstream_resolvers: z
    .array(Resolver)
    .max(MAX_RESOLVERS)
    .optional()
    .describe(
      'Resolvers for names that are not resources, asked in this order; for names that none of them is for, each client asks its own. ' +
        'Secrets in settings have to be sent again with each change. Released clients know udp and https for all names only, and ask these in this order.',
    ),
  search_domain: HostName.nullable().optional(),
})

/** Operations on the account that the token belongs to. */
export const accountEndpoints = ({ store, resolvers }: ApiParts): Endpoint[] => {
  const patch = jsonBody(Patch)
  const toWire = (row: Account): z.infer<typeof AccountBody> => ({
    id: row.id,
    slug: row.slug,
    name: row.name,
    upstream_resolvers: row.upstreamResolvers.map(({ type, settings, match }) => ({
      type,
      settings: shownSettings(resolvers, type, settings),
      ...(match && { match }),
    })),
    search_domain: row.searchDomain,
    created_at: timeOf(row.createdAt),
  })
  const showAccount: ApiMiddleware = async (ctx) => {
    const { id } = ctx.state.account
    answerWith(ctx, 'accounts', await existing(store.reader(id), 'accounts', id), toWire)
  }
  const patchAccount: ApiMiddleware = async (ctx) => {
    const { name, upstream_resolvers, search_domain } = patch.of(ctx)
    if (upstream_resolvers !== undefined || search_domain !== undefined) checkPermission(ctx, 'dns:write')
    const upstreamResolvers = upstream_resolvers?.map(({ type, settings, match }, at) => {
      const [keyPath, settingsPath] = [`upstream_resolvers[${at}].type`, `upstream_resolvers[${at}].settings`]
      const checked = checkSettings({ extensions: resolvers, key: type, keyPath, settings, settingsPath })
      const ownMachine = ownMachineIn(checked)
      if (ownMachine !== undefined) {
        const path = pathOf(['upstream_resolvers', at, 'settings', ...ownMachine])
        throw invalidBody([{ path, message: NEVER_A_SERVER_TEXT.loopback }])
      }
      return { type, settings: checked, ...(match && { match }) }
    })
    const { id } = ctx.state.account
    const row = await store.transact(scopeOf(ctx), async (tx) => {
      const before = await existing(tx, 'accounts', id)
      checkMatch(ctx, rowVersion(ctx, 'accounts', before, toWire(before)))
      return tx.patch('accounts', id, defined({ name, upstreamResolvers, searchDomain: search_domain }))
    })
    if (row === undefined) throw notFound()
    answerWith(ctx, 'accounts', row, toWire)
  }

  return [
    {
      method: 'GET',
      path: '/account',
      needs: 'account:read',
      summary: 'Shows the account',
      status: 200,
      answer: AccountBody,
      story: [showAccount],
    },
    {
      method: 'PATCH',
      path: '/account',
      needs: 'account:write',
      summary: 'Changes the name, the upstream resolvers or the search domain',
      description:
        'Changes the name; with the permission dns:write as well the upstream resolvers and the search domain.',
      body: Patch,
      status: 200,
      answer: AccountBody,
      story: [patch.read, patchAccount],
    },
  ]
}
