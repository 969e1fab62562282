import { expect } from 'chai'
import { join } from 'node:path'
import { afterEach, describe, it } from 'mocha'
import { openDialect } from '../../../../hosts/portal/store/open-dialect.ts'
import { ControlPeer } from '../../../kit/control-peer.ts'
import { PATIENCE_MS } from '../../../kit/patience.ts'
import { PortalProcess } from '../../../kit/portal-process.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const RESOURCES = 40

describe('a portal that is killed', () => {
  let portal: PortalProcess | undefined
  const peers: ControlPeer[] = []
  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.close()
    await portal?.remove()
  })

  it('has lost nothing that it has told anybody: neither authorizations nor answered writes', async function () {
    this.timeout(6 * PATIENCE_MS)
    portal = await PortalProcess.configure({ stun: false })
    const { token } = await portal.init()
    await portal.start()
    const { url, pid, folder } = portal
    const call = async (method: string, path: string, body: object) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const answer = await fetch(`${url}/api/v1${path}`, { method, headers, body: JSON.stringify(body) })
      if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
      return (await answer.json()) as { id: string; token: string }
    }
    const [site, group, actor] = await Promise.all([
      call('POST', '/sites', { name: 'Main' }),
      call('POST', '/groups', { name: 'Staff' }),
      call('POST', '/actors', { name: 'Ada' }),
    ])
    await call('PUT', `/groups/${group.id}/memberships`, { actor_ids: [actor.id] })
    const resourceIds = await Promise.all(
      Array.from({ length: RESOURCES }, async (_, at) => {
        const about = { name: `R${at}`, type: 'cidr', address: `198.51.100.${at}`, site_id: site.id }
        const { id } = await call('POST', '/resources', about)
        await call('POST', '/policies', { group_id: group.id, resource_id: id })
        return id
      }),
    )
    const tokens = {
      gateway: await call('POST', `/sites/${site.id}/gateway_tokens`, { name: 'gateway' }),
      client: await call('POST', `/actors/${actor.id}/client_tokens`, { name: 'client' }),
    }
    for (const role of ['gateway', 'client'] as const)
      peers.push((await ControlPeer.join({ url, role, token: tokens[role].token })).peer)
    const [gateway, client] = peers
    if (gateway === undefined || client === undefined) throw new Error('nobody joined')
    gateway.socket.on('message', (data) => {
      const { event, payload } = JSON.parse((data as Buffer).toString('utf8')) as ControlPeer['frames'][number]
      if (event === 'create_authorization') gateway.send('authorization_created', { ref: payload.ref })
    })

    const answered: string[] = []
    const writes = resourceIds.map(async (_, at) =>
      call('POST', '/groups', { name: `group ${at}` }).then(
        ({ id }) => answered.push(id),
        () => undefined,
      ),
    )
    for (const id of resourceIds) client.send('request_authorization', { resource_id: id, connected_gateway_ids: [] })
    // In the middle of the work, with the next transactions under way.
    const told = []
    while (told.length < RESOURCES / 4) told.push(await client.next('authorization_created'))
    process.kill(pid, 'SIGKILL')
    await client.closed
    await Promise.all(writes)

    const ports = { clock: new VirtualClock(), random: new SeededRandom(1), logger: new RecordingLogger() }
    const { knex, close } = openDialect({ driver: 'sqlite', file: join(folder, 'state/portal.sqlite') }, ports)
    const stored = (await knex('authorizations').pluck('resource_id')) as string[]
    const groups = (await knex('groups').pluck('id')) as string[]
    const granted = (await knex('audit_log').where({ kind: 'change', entity: 'authorizations' })).length
    await close()
    told.push(...client.frames.filter(({ event }) => event === 'authorization_created'))
    expect(stored).to.include.members(told.map(({ payload }) => payload.resource_id))
    expect(granted, 'each authorization has its record').to.equal(stored.length)
    expect(groups).to.include.members(answered)
  })
})
