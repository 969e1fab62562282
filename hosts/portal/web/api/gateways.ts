import { z } from 'zod'
import type { GatewayMachine } from '../../decide/presence.ts'
import type { Gateway } from '../../store/entities.ts'
import { lastPresence } from '../../store/gateway-retention.ts'
import { collection } from './collection.ts'
import type { Endpoint } from './endpoint.ts'
import { connected, exactly, flag, idsIn, isNull, listOf, listText, period } from './list-query.ts'
import type { ApiParts } from './parts.ts'
import { PathCountsBody, pathCountsToWire } from './path-bodies.ts'
import { jsonBody } from './read-body.ts'
import { RemovalQuery } from './removal.ts'
import { defined, Id, Name, rowFields, Time, timeOf, timeOrNull } from './body-fields.ts'

const GatewayBody = z
  .object({
    ...rowFields,
    site_id: Id,
    external_id: z.string(),
    name: z.string(),
    public_key: z.string(),
    ipv4: z.string(),
    ipv6: z.string(),
    is_connected: z.boolean(),
    is_ephemeral: z.boolean().describe('Whether it is removed by itself some minutes after it has gone'),
    last_seen_at: Time.nullable(),
    last_seen_version: z.string().nullable(),
    paths: PathCountsBody,
    load: z
      .object({
        processor_share: z.number().nullable().describe('Share of its processors in use, from 0 to 1'),
        bytes_per_second: z.number().nullable().describe('In both directions'),
        reported_at: Time,
      })
      .nullable()
      .describe('Load of its machine; null while it is not connected, or has reported none'),
    problems: z
      .array(z.object({ code: z.string(), said: z.string() }))
      .describe('What keeps it from forwarding: no client is given this gateway as long'),
  })
  .meta({ id: 'Gateway' })
const Patch = z.strictObject({ name: Name.optional() })

/** Operations on gateways, which register themselves with a token of their site. */
export const gatewayEndpoints = ({ store, isConnected, connectedIds, paths, machineOf }: ApiParts): Endpoint[] => {
  const patch = jsonBody(Patch)
  const gateways = collection(store, 'gateways', (row: Gateway): z.infer<typeof GatewayBody> => ({
    id: row.id,
    site_id: row.siteId,
    external_id: row.externalId,
    name: row.name,
    public_key: row.publicKey,
    ipv4: row.ipv4,
    ipv6: row.ipv6,
    is_connected: isConnected(row.id),
    is_ephemeral: row.isEphemeral,
    last_seen_at: timeOrNull(lastPresence(row)),
    last_seen_version: row.lastSeenVersion,
    paths: pathCountsToWire(paths.onGateway(row.id)),
    ...machineToWire(machineOf(row.id)),
    created_at: timeOf(row.createdAt),
    updated_at: timeOf(row.updatedAt),
  }))
  const patchGateway = gateways.patch(async (ctx) => Promise.resolve(defined(patch.of(ctx))))

  const list = listOf('gateways', GatewayBody, {
    ...idsIn('siteId'),
    ...exactly('externalId'),
    ...exactly('lastSeenVersion'),
    ...flag('isEphemeral'),
    ...period('lastSeenAt'),
    ...isNull('lastSeenAt'),
    ...connected(connectedIds),
  })

  return [
    {
      method: 'GET',
      path: '/gateways',
      needs: 'gateways:read',
      summary: 'Lists the gateways',
      status: 200,
      description: listText('gateways'),
      answer: list.answer,
      query: list.query,
      story: gateways.list(list),
    },
    {
      method: 'GET',
      path: '/gateways/:id',
      needs: 'gateways:read',
      summary: 'Shows a gateway',
      status: 200,
      answer: GatewayBody,
      story: [gateways.show],
    },
    {
      method: 'PATCH',
      path: '/gateways/:id',
      needs: 'gateways:write',
      summary: 'Renames a gateway',
      body: Patch,
      status: 200,
      answer: GatewayBody,
      story: [patch.read, patchGateway],
    },
    {
      method: 'DELETE',
      path: '/gateways/:id',
      needs: 'gateways:write',
      query: RemovalQuery,
      summary: 'Removes a gateway; it comes back with its token',
      status: 204,
      story: [gateways.remove()],
    },
  ]
}

const machineToWire = (
  machine: GatewayMachine | undefined,
): Pick<z.infer<typeof GatewayBody>, 'load' | 'problems'> => ({
  load:
    machine?.load === undefined
      ? null
      : {
          processor_share: machine.load.processorShare ?? null,
          bytes_per_second: machine.load.bytesPerSecond ?? null,
          reported_at: timeOf(machine.load.at),
        },
  problems: (machine?.problems ?? []).map(({ code, said }) => ({ code, said })),
})
