import { createSocket, type Socket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { encodeAnswer } from '../../../../core/ice/connectivity-check.ts'
import { endpoint } from '../../../../core/runtime/endpoint.ts'
import { decodeStun } from '../../../../core/stun/stun-message.ts'
import { ControlPeer } from '../../../kit/control-peer.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'
import { skipBecause } from '../../../kit/skip-because.ts'

/** Address of this machine that may be a gateway's: not a loopback one. */
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family, address }) => !internal && family === 'IPv4' && !address.startsWith('169.254.'))?.address

describe('H12 a portal that loses two gateways at once', () => {
  it('H12 H3 the portal has a client leave the gateway that is silent, and not the one that answers its checks', async function () {
    if (outside === undefined) return skipBecause(this, 'this machine has no address but loopback')
    const portal = await PortalFixture.start()
    const sockets: Socket[] = []
    const peers: ControlPeer[] = []
    try {
      const group = await portal.create('/groups', { name: 'Staff' })
      const ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
      await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [ada.id] })
      const token = (await portal.create(`/actors/${ada.id}/client_tokens`)).token as string
      const { peer: client } = await ControlPeer.join({ url: portal.url, role: 'client', token })
      peers.push(client)
      const lost: { peer: ControlPeer; id: string }[] = []
      for (const answers of [true, false]) {
        const name = answers ? 'alive' : 'dead'
        const site = await portal.create('/sites', { name })
        const address = `198.51.100.${answers ? 1 : 2}`
        const about = { name, type: 'ip', address, site_id: site.id, filters: [] }
        const resource = await portal.create('/resources', about)
        await portal.create('/policies', { group_id: group.id, resource_id: resource.id })
        const gatewayToken = (await portal.create(`/sites/${site.id}/gateway_tokens`)).token as string
        const as = { url: portal.url, role: 'gateway' as const, token: gatewayToken, externalId: name }
        const { peer } = await ControlPeer.join(as)
        peers.push(peer)
        client.send('request_authorization', { resource_id: resource.id, connected_gateway_ids: [] })
        const { payload: create } = await peer.next('create_authorization')
        const socket = await gatewaySocket(outside, answers ? create.gateway_ice_credentials : undefined)
        sockets.push(socket)
        peer.send('authorization_created', { ref: create.ref })
        const created = await client.next('authorization_created')
        const candidate = `candidate:1 1 udp 2130706175 ${outside} ${socket.address().port} typ host`
        peer.send('broadcast_ice_candidates', { client_ids: [create.client.id], candidates: [candidate] })
        await client.next('ice_candidates')
        lost.push({ peer, id: created.payload.gateway_id as string })
      }
      for (const { peer } of lost) peer.close()
      const told = await client.next('invalidate_ice_candidates')
      expect(told.payload.gateway_id).to.equal(lost[1]?.id)
      await client.settled()
      expect(client.frames.map(({ event }) => event)).not.to.include('invalidate_ice_candidates')
    } finally {
      for (const peer of peers) peer.close()
      for (const socket of sockets) socket.close()
      await portal.stop()
    }
  })
})

/** UDP socket that answers checks with a gateway's password; without one, nothing. */
const gatewaySocket = async (
  address: string,
  local: { username: string; password: string } | undefined,
): Promise<Socket> => {
  const socket = createSocket('udp4')
  socket.on('message', (datagram, from) => {
    const verdict = decodeStun(datagram)
    if (local === undefined || verdict.type === 'refused') return
    const { transactionId } = verdict.message
    const source = endpoint(from.address, from.port)
    socket.send(encodeAnswer({ transactionId, source, local, asksForSize: false }), from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(0, address, resolve))
  return socket
}
