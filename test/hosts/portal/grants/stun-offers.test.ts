import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { endpoint } from '../../../../core/runtime/endpoint.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'

const SERVERS = [endpoint('203.0.113.10', 3478), endpoint('2001:db8::10', 3478)]

/** Endpoints and ids of the latest `relays_presence` that a peer has heard; undefined if there was none. */
const offered = (peer: BenchPeer) => {
  const payload = peer.heard().findLast(({ event }) => event === 'relays_presence')?.payload
  if (payload === undefined) return undefined
  const { connected, disconnected_ids } = payload as {
    connected: { type: string; id: string; addr: string }[]
    disconnected_ids: string[]
  }
  expect(connected.every(({ type, id }) => type === 'stun' && disconnected_ids.includes(id))).to.equal(true)
  return connected.map(({ addr }) => addr)
}

describe('the portal’s STUN server, as peers are told of it', () => {
  let bench: PortalBench
  let company: Company

  beforeEach(() => {
    bench = new PortalBench()
    company = new Company(bench)
  })

  it('H11 clients and gateways that understand it are told of the server when they join, and whenever it changes', () => {
    bench.dispatch({ type: 'stunServersChanged', servers: SERVERS })
    const peers = [company.clientJoins({}, ['stun']), company.gatewayJoins(0, {}, ['stun'])]
    for (const peer of peers) expect(offered(peer)).to.deep.equal(SERVERS)
    bench.dispatch({ type: 'stunServersChanged', servers: SERVERS.slice(1) })
    for (const peer of peers) expect(offered(peer)).to.deep.equal(SERVERS.slice(1))
  })

  it('H12 released peers are told of no STUN server', () => {
    const peers = [company.clientJoins(), company.gatewayJoins(0)]
    bench.dispatch({ type: 'stunServersChanged', servers: SERVERS })
    for (const peer of peers) expect(offered(peer)).to.equal(undefined)
  })

  it('a portal without a STUN server says nothing of one', () => {
    expect(offered(company.clientJoins({}, ['stun']))).to.equal(undefined)
  })
})
