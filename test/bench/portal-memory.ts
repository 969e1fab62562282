import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { ControlPeer } from '../kit/control-peer.ts'
import type { Figure } from './figure.ts'

const CLIENTS = 1_000
const AT_ONCE = 25
const RESOURCES = 20
const MIB = 1_048_576

interface Memory {
  rss: number
  used: number
}

/** Measures a portal's memory with a thousand connected clients, each with 20 resources, over real WebSockets. */
export const benchPortalMemory = async (): Promise<Figure[]> => {
  const child = fork(fileURLToPath(new URL('child/portal-process.js', import.meta.url)), { stdio: 'inherit' })
  const peers: ControlPeer[] = []
  try {
    const { url, token } = await answer<{ url: string; token: string }>(child)
    const clientToken = await prepare(url, token)
    const before = await measure(child)
    const begun = performance.now()
    for (let first = 0; first < CLIENTS; first += AT_ONCE) {
      const joined = await Promise.all(
        Array.from({ length: AT_ONCE }, (_, index) =>
          ControlPeer.join({ url, role: 'client', token: clientToken, externalId: `device ${first + index}` }),
        ),
      )
      peers.push(...joined.map(({ peer }) => peer))
    }
    const seconds = (performance.now() - begun) / 1_000
    const after = await measure(child)
    return [
      { name: 'portal memory, no client', value: before.rss / MIB, unit: 'MiB' },
      { name: 'portal memory, 1,000 connected clients', value: after.rss / MIB, unit: 'MiB' },
      {
        name: 'portal heap for each connected client',
        value: (after.used - before.used) / CLIENTS / 1024,
        unit: 'KiB',
      },
      { name: 'clients that connect and join', value: CLIENTS / seconds, unit: '/s' },
    ]
  } finally {
    for (const peer of peers) peer.close()
    child.send('stop')
    await once(child, 'exit')
  }
}

/** Makes an actor in a group that policies join to the resources; returns a token of hers. */
const prepare = async (url: string, token: string): Promise<string> => {
  const call = async (method: string, path: string, body: unknown): Promise<{ id: string; token: string }> => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`)
    return (await response.json()) as { id: string; token: string }
  }
  const site = await call('POST', '/sites', { name: 'Main' })
  const group = await call('POST', '/groups', { name: 'Staff' })
  const actor = await call('POST', '/actors', { name: 'Ada' })
  await call('PUT', `/groups/${group.id}/memberships`, { actor_ids: [actor.id] })
  for (let index = 0; index < RESOURCES; index++) {
    const resource = await call('POST', '/resources', {
      name: `Service ${index}`,
      type: 'dns',
      address: `service-${index}.example.org`,
      site_id: site.id,
    })
    await call('POST', '/policies', { group_id: group.id, resource_id: resource.id })
  }
  return (await call('POST', `/actors/${actor.id}/client_tokens`, { name: 'devices' })).token
}

const measure = async (child: ChildProcess): Promise<Memory> => {
  child.send('measure')
  return answer<Memory>(child)
}

const answer = async <T>(child: ChildProcess): Promise<T> => {
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => {
      throw new Error('the portal ended')
    }),
  ])) as [T]
  return message
}
