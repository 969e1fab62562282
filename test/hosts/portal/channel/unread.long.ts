import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { DEFAULT_LIMITS } from '../../../../hosts/portal/grants/limits.ts'
import { ControlPeer } from '../../../kit/control-peer.ts'

const DEVICES = 60
/** Number of resources: the list for a joining client takes 700 KB, many times the system's own buffers. */
const RESOURCES = 100
const MAX_ROUNDS = 60
const MIB = 1_048_576
/**
 * Memory beyond the bound: messages in the making, connections that are cut off but not closed yet, and memory that V8
 * keeps for a while.
 */
const SLACK_BYTES = 32 * MIB

interface Memory {
  rss: number
  used: number
}

describe('P12 memory of a portal whose peers do not read', function () {
  this.timeout(180_000)
  let child: ChildProcess
  let url: string
  let token: string
  const peers: ControlPeer[] = []

  before(async () => {
    child = fork(fileURLToPath(new URL('../../../bench/child/portal-process.js', import.meta.url)))
    ;({ url, token } = await message<{ url: string; token: string }>())
  })
  after(async () => {
    for (const peer of peers) peer.close()
    child.send('stop')
    await once(child, 'exit')
  })

  const message = async <T>(): Promise<T> => {
    const ended = new AbortController()
    child.once('exit', () => ended.abort(new Error('the portal ended')))
    const [said] = (await once(child, 'message', { signal: ended.signal })) as [T]
    child.removeAllListeners('exit')
    return said
  }
  const measure = async (): Promise<Memory> => {
    child.send('measure')
    return message<Memory>()
  }
  const call = async (method: string, path: string, body: object = {}): Promise<{ id: string; token: string }> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const answer = await fetch(`${url}/api/v1${path}`, { method, headers, body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`)
    return (await answer.json()) as { id: string; token: string }
  }
  const cutOff = async (): Promise<number> => {
    // A busy portal closes connections that are kept alive.
    const text = await (await fetch(`${url}/metrics`, { headers: { connection: 'close' } })).text()
    return Number(/^portreeve_portal_control_unread_total(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1] ?? Number.NaN)
  }

  it(`P12 memory of a portal whose peers do not read stays within the bound of their actor, with ${DEVICES} devices of one token`, async function () {
    const site = await call('POST', '/sites', { name: 'Main' })
    const group = await call('POST', '/groups', { name: 'Staff' })
    const actor = await call('POST', '/actors', { name: 'Eve' })
    await call('PUT', `/groups/${group.id}/memberships`, { actor_ids: [actor.id] })
    const ports = Array.from({ length: 60 }, (_, port) => String(1_000 + 2 * port))
    for (let index = 0; index < RESOURCES; index++) {
      const address = `service-${index}.example.org`
      const about = { filters: ['tcp', 'udp'].map((protocol) => ({ protocol, ports })), site_id: site.id }
      const { id } = await call('POST', '/resources', { name: address, type: 'dns', address, ...about })
      await call('POST', '/policies', { group_id: group.id, resource_id: id })
    }
    const { token: ofDevices } = await call('POST', `/actors/${actor.id}/client_tokens`, { name: 'devices' })
    for (let index = 0; index < DEVICES; index++) {
      const about = { url, role: 'client' as const, token: ofDevices, externalId: `deaf ${index}` }
      // The client reads once: memory for a client that has joined does not count towards the bound.
      const { peer } = await ControlPeer.join(about)
      peer.socket.pause()
      peers.push(peer)
    }
    const before = await measure()
    let most = before
    for (let round = 0; round < MAX_ROUNDS && (await cutOff()) < DEVICES; round++) {
      for (const peer of peers) if (peer.socket.readyState === peer.socket.OPEN) peer.send('phx_join', null)
      const found = await measure()
      if (found.used > most.used) most = found
    }
    const mib = ({ used, rss }: Memory): string => `${Math.round(used / MIB)} MiB (resident ${Math.round(rss / MIB)})`
    const figures = `${mib(before)} before, ${mib(most)} at most, ${await cutOff()} cut off`
    process.stdout.write(`      ${figures}\n`)
    expect(await cutOff()).to.be.above(0)
    expect(most.used - before.used, figures).to.be.below(DEFAULT_LIMITS.unsent_kib_per_actor * 1_024 + SLACK_BYTES)
  })
})
