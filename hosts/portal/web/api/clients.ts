import { z } from 'zod'
import { deviceKeyFingerprint } from '../../../../core/control/device-proof.ts'
import { keyFromBase64 } from '../../../../core/crypto/text-encoding.ts'
import type { Client } from '../../store/entities.ts'
import { isVerified } from '../../decide/device-standing.ts'
import { invalidBody, Problem } from '../http/problem.ts'
import { collection, existing, idOf } from './collection.ts'
import type { Endpoint } from './endpoint.ts'
import { connected, exactly, flag, idsIn, isNull, listOf, listText, relatedTo, period } from './list-query.ts'
import type { ApiParts } from './parts.ts'
import { PathBody, pathToWire } from './path-bodies.ts'
import { jsonBody } from './read-body.ts'
import { RemovalQuery } from './removal.ts'
import { defined, Id, Name, rowFields, Time, timeOf, timeOrNull } from './body-fields.ts'

const ClientBody = z
  .object({
    ...rowFields,
    actor_id: Id,
    external_id: z.string(),
    name: z.string(),
    public_key: z.string(),
    ipv4: z.string(),
    ipv6: z.string(),
    is_connected: z.boolean(),
    device_key: z
      .string()
      .nullable()
      .describe(
        'Fingerprint of the device key, as shown by `portreeve client status` on the device; null if it never proved one',
      ),
    is_proven: z.boolean().describe('Whether the device proved its key at the last connect'),
    proven_at: Time.nullable().describe('Time of the last proof of the key'),
    is_verified: z.boolean().describe('Whether the device of the last connect counts as verified in conditions'),
    verified_at: Time.nullable().describe('Time at which an admin verified the device with this key'),
    accepts_unproven: z
      .boolean()
      .describe('Whether the admin verified every device with this external_id, without a key'),
    last_seen_at: Time.nullable(),
    last_seen_version: z.string().nullable(),
    paths: z
      .array(PathBody)
      .describe('Paths to the gateways that serve it, as it last reported them; empty while it is not connected'),
  })
  .meta({ id: 'Client' })
const Patch = z.strictObject({
  name: Name.optional(),
  is_verified: z.boolean().optional().describe('Verifies the device, or takes that back'),
  accept_unproven: z
    .boolean()
    .optional()
    .describe(
      'Only with `is_verified`, for a device that has proven no key: verifies every device that has its external_id and a token',
    ),
})

/** Operations on clients, the devices of actors: they register themselves with a token. */
export const clientEndpoints = ({ store, clock, isConnected, connectedIds, paths }: ApiParts): Endpoint[] => {
  const patch = jsonBody(Patch)
  const clients = collection(store, 'clients', (row: Client): z.infer<typeof ClientBody> => ({
    id: row.id,
    actor_id: row.actorId,
    external_id: row.externalId,
    name: row.name,
    public_key: row.publicKey,
    ipv4: row.ipv4,
    ipv6: row.ipv6,
    is_connected: isConnected(row.id),
    ...deviceOf(row),
    last_seen_at: timeOrNull(row.lastSeenAt),
    last_seen_version: row.lastSeenVersion,
    paths: paths.ofClient(row.id).map(pathToWire),
    created_at: timeOf(row.createdAt),
    updated_at: timeOf(row.updatedAt),
  }))
  const patchClient = clients.patch(async (ctx, tx) => {
    const { name, is_verified, accept_unproven } = patch.of(ctx)
    if (is_verified !== true && accept_unproven === true) throw invalidBody([ONLY_WITH_VERIFIED])
    if (is_verified === undefined) return defined({ name })
    if (!is_verified) return defined({ name, verifiedAt: null, acceptsUnproven: false })
    const hasKey = (await existing(tx, 'clients', idOf(ctx))).deviceKey !== null
    if (!hasKey && accept_unproven !== true) throw unprovenDevice()
    return defined({ name, verifiedAt: clock.unix(), acceptsUnproven: !hasKey })
  })

  const list = listOf('clients', ClientBody, {
    ...idsIn('actorId'),
    ...relatedTo('groupId', 'Of a member of a group'),
    ...exactly('externalId'),
    ...exactly('lastSeenVersion'),
    ...flag('isProven'),
    ...isNull('verifiedAt'),
    ...period('lastSeenAt'),
    ...isNull('lastSeenAt'),
    ...connected(connectedIds),
  })

  return [
    {
      method: 'GET',
      path: '/clients',
      needs: 'clients:read',
      summary: 'Lists the clients',
      status: 200,
      description: listText('clients'),
      answer: list.answer,
      query: list.query,
      story: clients.list(list),
    },
    {
      method: 'GET',
      path: '/clients/:id',
      needs: 'clients:read',
      summary: 'Shows a client',
      status: 200,
      answer: ClientBody,
      story: [clients.show],
    },
    {
      method: 'PATCH',
      path: '/clients/:id',
      needs: 'clients:write',
      summary: 'Renames or verifies a client',
      body: Patch,
      status: 200,
      answer: ClientBody,
      story: [patch.read, patchClient],
    },
    {
      method: 'DELETE',
      path: '/clients/:id',
      needs: 'clients:write',
      query: RemovalQuery,
      summary: 'Removes a client; it comes back with its token',
      status: 204,
      story: [clients.remove()],
    },
  ]
}

const deviceOf = (row: Client) => {
  const key = row.deviceKey === null ? undefined : keyFromBase64(row.deviceKey)
  return {
    device_key: key === undefined ? null : deviceKeyFingerprint(key),
    is_proven: row.isProven,
    proven_at: timeOrNull(row.provenAt),
    is_verified: isVerified(row),
    verified_at: timeOrNull(row.verifiedAt),
    accepts_unproven: row.acceptsUnproven,
  }
}

const ONLY_WITH_VERIFIED = { path: 'accept_unproven', message: 'goes with "is_verified": true only' }

const unprovenDevice = (): Problem =>
  new Problem(
    409,
    'device_unproven',
    'This device has proven no key of its own, as Portreeve’s client does: any device that copies its external_id would be verified, too. ' +
      'Let it connect with Portreeve’s client, or accept that with "accept_unproven": true.',
  )
