import { z } from 'zod'
import type { Client } from '../../entities.ts'
import { collection } from './collection.ts'
import type { Endpoint } from './endpoint.ts'
import type { ApiParts } from './parts.ts'
import { PageQuery } from './page.ts'
import { jsonBody } from './read-body.ts'
import { defined, Id, Name, pageOf, rowFields, Time, timeOf, timeOrNull } from './wire.ts'

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
    verified_at: Time.nullable(),
    last_seen_at: Time.nullable(),
    last_seen_version: z.string().nullable(),
  })
  .meta({ id: 'Client' })
const Patch = z.strictObject({
  name: Name.optional(),
  is_verified: z.boolean().optional().describe('Whether an admin vouches for the device'),
})

/** Devices: they come by themselves, with the token of an actor. */
export const clientEndpoints = ({ store, clock, isConnected }: ApiParts): Endpoint[] => {
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
    verified_at: timeOrNull(row.verifiedAt),
    last_seen_at: timeOrNull(row.lastSeenAt),
    last_seen_version: row.lastSeenVersion,
    created_at: timeOf(row.createdAt),
  }))
  const patchClient = clients.patch(async (ctx) => {
    const { name, is_verified } = patch.of(ctx)
    const verifiedAt = is_verified === undefined ? undefined : is_verified ? clock.unix() : null
    return Promise.resolve(defined({ name, verifiedAt }))
  })

  return [
    {
      method: 'GET',
      path: '/clients',
      summary: 'Lists the clients',
      status: 200,
      answer: pageOf(ClientBody),
      query: PageQuery,
      story: clients.list(),
    },
    {
      method: 'GET',
      path: '/clients/:id',
      summary: 'Shows a client',
      status: 200,
      answer: ClientBody,
      story: [clients.show],
    },
    {
      method: 'PATCH',
      path: '/clients/:id',
      summary: 'Renames or verifies a client',
      body: Patch,
      status: 200,
      answer: ClientBody,
      story: [patch.read, patchClient],
    },
    {
      method: 'DELETE',
      path: '/clients/:id',
      summary: 'Removes a client; it comes back with its token',
      status: 204,
      story: [clients.remove()],
    },
  ]
}
