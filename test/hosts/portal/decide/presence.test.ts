import { expect } from 'chai'
import { describe, it } from 'mocha'
import { unixTime } from '../../../../core/runtime/time.ts'
import { Presence } from '../../../../hosts/portal/decide/presence.ts'

const gateway = (id: string, siteId = 'main') => ({
  id,
  siteId,
  name: id,
  version: '0.1.0',
  product: 'portreeve' as const,
  transport: 'wireguard',
  remoteIp: '192.0.2.1',
  since: unixTime(0),
})

describe('Presence', () => {
  it('the presence of a client takes the newest connection', () => {
    const presence = new Presence()
    presence.clientJoined('laptop', 'c1')
    expect(presence.clientConnection('laptop')).to.equal('c1')
    presence.clientJoined('laptop', 'c2')
    expect(presence.left('laptop', 'c1')).to.equal(false)
    expect(presence.clientConnection('laptop')).to.equal('c2')
    expect(presence.left('laptop', 'c2')).to.equal(true)
    expect(presence.clientConnection('laptop')).to.equal(undefined)
  })

  it('the presence of a gateway keeps the first connection until that is gone', () => {
    const presence = new Presence()
    presence.gatewayJoined(gateway('gw'), 'c1')
    presence.gatewayJoined(gateway('gw'), 'c2')
    expect(presence.gatewayConnection('gw')).to.equal('c1')
    expect(presence.left('gw', 'c2')).to.equal(false)
    expect(presence.left('gw', 'c1')).to.equal(true)
    presence.gatewayJoined(gateway('gw'), 'c2')
    expect(presence.gatewayConnection('gw')).to.equal('c2')
  })

  it('presence knows the healthy gateways of each site', () => {
    const presence = new Presence()
    presence.gatewayJoined(gateway('a'), 'c1')
    presence.gatewayJoined(gateway('b'), 'c2')
    presence.gatewayJoined(gateway('c', 'branch'), 'c3')
    expect(presence.gatewaysOf('main').map(({ id }) => id)).to.have.members(['a', 'b'])
    presence.gatewayJoined(gateway('b', 'branch'), 'c2')
    expect(presence.gatewaysOf('main').map(({ id }) => id)).to.deep.equal(['a'])
    expect(presence.gatewaysOf('branch').map(({ id }) => id)).to.have.members(['b', 'c'])
    presence.left('a', 'c1')
    expect(presence.gatewaysOf('main')).to.deep.equal([])
    expect(presence.counts()).to.deep.equal({ clients: 0, gateways: 2 })
  })
})
