import { z } from 'zod'
import type { Resource } from '../../store/entities.ts'
import type { Transaction } from '../../store/store.ts'
import { invalidBody, Problem } from '../http/problem.ts'
import { checkOutsideRanges } from './account-ranges.ts'
import { collection, existing, idOf } from './collection.ts'
import type { Endpoint } from './endpoint.ts'
import { exactly, idsIn, listOf, listText, oneOf, relatedTo } from './list-query.ts'
import type { ApiParts } from './parts.ts'
import { jsonBody } from './read-body.ts'
import { resourceAddress } from './resource-address.ts'
import { RemovalQuery } from './removal.ts'
import { defined, Id, Name, rowFields, Text, timeOf } from './body-fields.ts'

const PORT_RANGE = /^([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?$/

const PortRange = z
  .string()
  .max(11)
  .refine((text) => {
    const [, start, end] = PORT_RANGE.exec(text) ?? []
    return start !== undefined && Number(start) <= Number(end ?? start) && Number(end ?? start) <= 65_535
  }, 'is no port and no range: write 443 or 8000-8999')
const Filter = z
  .strictObject({
    protocol: z.enum(['tcp', 'udp', 'icmp']),
    ports: z.array(PortRange).max(64).default([]).describe('All ports if empty'),
  })
  .refine(({ protocol, ports }) => protocol !== 'icmp' || ports.length === 0, 'ICMP has no ports')
  .refine(({ ports }) => !overlap(ports), 'ports overlap')
const Filters = z
  .array(Filter)
  .max(3)
  .refine((filters) => new Set(filters.map(({ protocol }) => protocol)).size === filters.length, 'a protocol twice')
  .describe('If empty, all traffic may pass; else only the listed protocols and ports.')
const Type = z.enum(['dns', 'cidr', 'ip', 'internet'])
const IpStack = z.enum(['dual', 'ipv4_only', 'ipv6_only'])

const ResourceBody = z
  .object({
    ...rowFields,
    name: z.string(),
    type: z.enum(['dns', 'cidr', 'ip', 'internet']),
    address: z.string().nullable(),
    address_description: z.string().nullable(),
    site_id: Id,
    filters: z.array(z.object({ protocol: z.enum(['tcp', 'udp', 'icmp']), ports: z.array(z.string()) })),
    ip_stack: IpStack,
  })
  .meta({ id: 'Resource' })
/** Schema of a new resource. */
export const ResourceDraft = z.strictObject({
  name: Name,
  type: Type,
  address: z
    .string()
    .max(253)
    .nullable()
    .default(null)
    .describe(
      'By type: a name, *.name or **.name; a CIDR; one IP address; null for the Internet, of which an account has at most one',
    ),
  address_description: Text(255).nullable().default(null),
  site_id: Id,
  filters: Filters.default([]),
  ip_stack: IpStack.default('dual').describe(
    'For names: address families in DNS answers. If a name belongs to several resources, the most specific one decides',
  ),
})
/** Schema of a change to a resource. */
export const ResourcePatch = z.strictObject({
  name: Name.optional(),
  type: Type.optional(),
  address: z.string().max(253).nullable().optional(),
  address_description: Text(255).nullable().optional(),
  site_id: Id.optional(),
  filters: Filters.optional(),
  ip_stack: IpStack.optional(),
})

/** Converts a change from JSON to columns of the row. */
export const resourceChange = (before: Resource, patch: z.infer<typeof ResourcePatch>) => {
  const { site_id, name, type, address, address_description, filters, ip_stack } = patch
  const readdressed = type !== undefined || address !== undefined || filters !== undefined
  return defined({
    siteId: site_id,
    name,
    type,
    address: readdressed
      ? validAddress(type ?? before.type, address === undefined ? before.address : address, filters ?? before.filters)
      : undefined,
    addressDescription: address_description,
    filters,
    ipStack: ip_stack,
  })
}

/** Operations on resources. */
export const resourceEndpoints = ({ store }: ApiParts): Endpoint[] => {
  const draft = jsonBody(ResourceDraft)
  const patch = jsonBody(ResourcePatch)
  const resources = collection(store, 'resources', toWire)

  const insertResource = resources.insert(async (ctx, tx) => {
    const body = draft.of(ctx)
    if (body.type === 'internet') await isOnlyInternet(tx)
    const address = validAddress(body.type, body.address, body.filters)
    await checkOutsideRanges(tx, ctx.state.account.id, address)
    return {
      siteId: body.site_id,
      name: body.name,
      type: body.type,
      address,
      addressDescription: body.address_description,
      filters: body.filters,
      ipStack: body.ip_stack,
    }
  })
  const patchResource = resources.patch(async (ctx, tx) => {
    const before = await existing(tx, 'resources', idOf(ctx))
    const change = patch.of(ctx)
    if (change.type === 'internet' && before.type !== 'internet') await isOnlyInternet(tx)
    const changed = resourceChange(before, change)
    await checkOutsideRanges(tx, ctx.state.account.id, changed.address ?? null)
    return changed
  })

  const list = listOf('resources', ResourceBody, {
    ...idsIn('siteId'),
    ...oneOf('type', Type),
    ...exactly('address'),
    ...relatedTo('groupId', 'With a policy for a group'),
  })

  return [
    {
      method: 'GET',
      path: '/resources',
      needs: 'resources:read',
      summary: 'Lists the resources',
      status: 200,
      description: listText('resources'),
      answer: list.answer,
      query: list.query,
      story: resources.list(list),
    },
    {
      method: 'POST',
      path: '/resources',
      needs: 'resources:write',
      summary: 'Creates a resource',
      body: ResourceDraft,
      status: 201,
      answer: ResourceBody,
      story: [draft.read, insertResource],
    },
    {
      method: 'GET',
      path: '/resources/:id',
      needs: 'resources:read',
      summary: 'Shows a resource',
      status: 200,
      answer: ResourceBody,
      story: [resources.show],
    },
    {
      method: 'PATCH',
      path: '/resources/:id',
      needs: 'resources:write',
      summary: 'Changes a resource',
      body: ResourcePatch,
      status: 200,
      answer: ResourceBody,
      story: [patch.read, patchResource],
    },
    {
      method: 'DELETE',
      path: '/resources/:id',
      needs: 'resources:write',
      query: RemovalQuery,
      summary: 'Removes a resource with its policies and authorizations',
      status: 204,
      story: [resources.remove()],
    },
  ]
}

const validAddress = (
  type: Resource['type'],
  text: string | null,
  filters: readonly z.infer<typeof Filter>[],
): string | null => {
  if (type === 'internet') {
    if (text !== null) throw invalidBody([{ path: 'address', message: 'the Internet has none' }])
    // The wire has no filters for the Internet resource.
    if (filters.length > 0) throw invalidBody([{ path: 'filters', message: 'the Internet has none' }])
    return null
  }
  const verdict = resourceAddress(type, text ?? '')
  if (!verdict.ok) throw invalidBody([{ path: 'address', message: verdict.problem }])
  return verdict.address
}

/** Refuses a second Internet resource: peers support only one. */
const isOnlyInternet = async (tx: Transaction): Promise<void> => {
  const [other] = await tx.list('resources', { where: { type: 'internet' } })
  if (other !== undefined) {
    throw new Problem(409, 'conflict', `The account has an Internet resource already: ${other.name}.`)
  }
}

const overlap = (ports: readonly string[]): boolean => {
  const ranges = ports
    .map((text) => {
      const [, start, end] = PORT_RANGE.exec(text) ?? []
      return { start: Number(start), end: Number(end ?? start) }
    })
    .sort((a, b) => a.start - b.start)
  return ranges.some(({ start }, index) => index > 0 && start <= (ranges[index - 1]?.end ?? 0))
}

const toWire = (row: Resource): z.infer<typeof ResourceBody> => ({
  id: row.id,
  name: row.name,
  type: row.type,
  address: row.address,
  address_description: row.addressDescription,
  site_id: row.siteId,
  filters: row.filters,
  ip_stack: row.ipStack,
  created_at: timeOf(row.createdAt),
  updated_at: timeOf(row.updatedAt),
})
