import { z } from 'zod'
import { patternProblem } from '../../../../core/dns/pattern.ts'
import type { Account, UpstreamResolverSetting } from '../../store/entities.ts'
import type { Store } from '../../store/store.ts'
import { notFound } from '../http/problem.ts'
import { answerWith, existing, scopeOf } from './collection.ts'
import type { Endpoint, ApiMiddleware } from './endpoint.ts'
import type { ApiParts } from './parts.ts'
import { jsonBody } from './read-body.ts'
import { resolverAddressProblem, resolverUrlProblem } from './resource-address.ts'
import { checkMatch, rowVersion } from './row-version.ts'
import { defined, Name, rowFields, timeOf } from './body-fields.ts'

const ResolverAddress = z
  .string()
  .max(45)
  .check((context) => {
    const problem = resolverAddressProblem(context.value)
    if (problem !== undefined) context.issues.push({ code: 'custom', message: problem, input: context.value })
  })
const HostName = z
  .string()
  .max(253)
  .refine((text) => patternProblem(text) === undefined && !/[*?]/.test(text), 'is no domain')
const Resolver = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('udp'), address: ResolverAddress }),
  z.strictObject({
    type: z.literal('https'),
    url: z
      .url({ protocol: /^https$/ })
      .max(512)
      .refine((text) => !/[?#]/.test(text), 'has a query or a fragment')
      .check((context) => {
        const problem = resolverUrlProblem(context.value)
        if (problem !== undefined) context.issues.push({ code: 'custom', message: problem, input: context.value })
      }),
  }),
  z.strictObject({ type: z.literal('tls'), address: ResolverAddress, server_name: HostName }),
])

const AccountBody = z
  .object({
    ...rowFields,
    slug: z.string(),
    name: z.string(),
    upstream_resolvers: z.array(
      z.object({
        type: z.enum(['udp', 'https', 'tls']),
        address: z.string().optional(),
        url: z.string().optional(),
        server_name: z.string().optional(),
      }),
    ),
    search_domain: z.string().nullable(),
  })
  .meta({ id: 'Account' })
const Patch = z.strictObject({
  name: Name.optional(),
  upstream_resolvers: z
    .array(Resolver)
    .max(8)
    .optional()
    .describe(
      'DNS servers for names that are not resources; if empty, each client uses its own. Clients ask plain servers (udp) first, then HTTPS, ' +
        'then TLS, whatever the order here; servers of one kind in the order given here.',
    ),
  search_domain: HostName.nullable().optional(),
})

/** Operations on the account that the token belongs to. */
export const accountEndpoints = ({ store }: ApiParts): Endpoint[] => {
  const patch = jsonBody(Patch)
  const patchAccount: ApiMiddleware = async (ctx) => {
    const { name, upstream_resolvers, search_domain } = patch.of(ctx)
    const upstreamResolvers = upstream_resolvers?.map(fromWire)
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
      summary: 'Shows the account',
      status: 200,
      answer: AccountBody,
      story: [showAccount(store)],
    },
    {
      method: 'PATCH',
      path: '/account',
      summary: 'Changes the name, the upstream resolvers or the search domain',
      body: Patch,
      status: 200,
      answer: AccountBody,
      story: [patch.read, patchAccount],
    },
  ]
}

const showAccount =
  (store: Store): ApiMiddleware =>
  async (ctx) => {
    const { id } = ctx.state.account
    answerWith(ctx, 'accounts', await existing(store.reader(id), 'accounts', id), toWire)
  }

const fromWire = (resolver: z.infer<typeof Resolver>): UpstreamResolverSetting =>
  resolver.type === 'tls' ? { type: 'tls', address: resolver.address, serverName: resolver.server_name } : resolver

const toWire = (row: Account): z.infer<typeof AccountBody> => ({
  id: row.id,
  slug: row.slug,
  name: row.name,
  upstream_resolvers: row.upstreamResolvers.map((resolver) =>
    resolver.type === 'tls' ? { type: 'tls', address: resolver.address, server_name: resolver.serverName } : resolver,
  ),
  search_domain: row.searchDomain,
  created_at: timeOf(row.createdAt),
})
