import { z } from 'zod'
import { pathOf } from '../../../../core/config/parse-config.ts'
import { MatchDomains, MAX_RESOLVERS } from '../../../../core/config/resolver-entry.ts'
import { patternProblem } from '../../../../core/dns/pattern.ts'
import { DEFAULT_RANGE_TEXTS } from '../../../../core/net/address-ranges.ts'
import { ownMachineIn } from '../../../../core/net/own-machine.ts'
import { NEVER_A_SERVER_TEXT } from '../../../../core/net/server-address.ts'
import type { Account } from '../../store/entities.ts'
import { invalidBody, notFound } from '../http/problem.ts'
import { answerWith, existing, scopeOf } from './collection.ts'
import type { Endpoint, ApiMiddleware } from './endpoint.ts'
import { changeRanges } from './account-ranges.ts'
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

const Range = z.string().max(64)
const AddressRangesBody = z
  .object({ devices_ipv4: Range, devices_ipv6: Range, mapped_ipv4: Range, mapped_ipv6: Range })
  .meta({ id: 'AddressRanges' })
const AddressRangesDraft = z
  .strictObject({
    devices_ipv4: Range.default(DEFAULT_RANGE_TEXTS.devices_ipv4).describe(
      'IPv4 addresses of clients and gateways: a prefix of 11 to 22 bits',
    ),
    devices_ipv6: Range.default(DEFAULT_RANGE_TEXTS.devices_ipv6).describe(
      'IPv6 addresses of clients and gateways: a /64',
    ),
    mapped_ipv4: Range.default(DEFAULT_RANGE_TEXTS.mapped_ipv4).describe(
      'IPv4 addresses that clients map to names of resources, and at which their resolver listens: a prefix of 11 to 18 bits',
    ),
    mapped_ipv6: Range.default(DEFAULT_RANGE_TEXTS.mapped_ipv6).describe('The same of IPv6: a /64'),
  })
  .describe(
    'Ranges of addresses that tunnels use, for accounts in whose networks the usual ones are taken: private or shared addresses ' +
      '(RFC 1918, RFC 6598, RFC 4193) that do not overlap each other or a resource. Null for the usual ones. Devices get other addresses ' +
      'at once, and all access is granted anew, so that open connections end. Gateways of versions that do not know ranges are not chosen.',
  )

const AccountBody = z
  .object({
    ...rowFields,
    slug: z.string(),
    name: z.string(),
    upstream_resolvers: z.array(
      z.object({ type: z.string(), settings: Settings, match: z.array(z.string()).optional() }),
    ),
    search_domain: z.string().nullable(),
    address_ranges: AddressRangesBody,
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
  address_ranges: AddressRangesDraft.nullable().optional(),
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
    address_ranges: row.addressRanges ?? DEFAULT_RANGE_TEXTS,
    created_at: timeOf(row.createdAt),
    updated_at: timeOf(row.updatedAt),
  })
  const showAccount: ApiMiddleware = async (ctx) => {
    const { id } = ctx.state.account
    answerWith(ctx, 'accounts', await existing(store.reader(id), 'accounts', id), toWire)
  }
  const patchAccount: ApiMiddleware = async (ctx) => {
    const { name, upstream_resolvers, search_domain, address_ranges } = patch.of(ctx)
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
      if (address_ranges !== undefined) await changeRanges(tx, before, address_ranges)
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
      summary: 'Changes the name, the upstream resolvers, the search domain or the address ranges',
      description:
        'Changes the name and the address ranges; with the permission dns:write as well the upstream resolvers and the search domain.',
      body: Patch,
      status: 200,
      answer: AccountBody,
      story: [patch.read, patchAccount],
    },
  ]
}
