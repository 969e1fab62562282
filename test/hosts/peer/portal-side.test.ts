import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import type { AddressesChanged } from '../../../core/ice/candidate-gathering.ts'
import { instant } from '../../../core/runtime/time.ts'
import { PortalSide } from '../../../hosts/peer/portal-side.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

const ADDRESS = '192.0.2.7'

const changed = (uplinks: readonly string[], bridges: readonly string[] = []): AddressesChanged => ({
  type: 'addressesChanged',
  addresses: [ADDRESS, ...bridges],
  uplinks,
  offered: { links: [ADDRESS], bridges },
})

describe('the peer’s side of the link to its portal', () => {
  const now = instant(1_000)
  let side: PortalSide<'client'>

  const types = (): string[] => {
    const found: string[] = []
    for (let output = side.poll(); output !== undefined; output = side.poll()) found.push(output.type)
    return found.filter((type) => type !== 'note')
  }

  beforeEach(() => {
    side = new PortalSide({ role: 'client', random: new SeededRandom('portal side'), connectedBy: 'init' })
    side.handle(changed([]), now)
    side.handle({ type: 'started' }, now)
    side.handle({ type: 'connectionClosed' }, now)
    expect(types()).to.deep.equal(['openConnection'])
    expect(side.state).to.equal('unreachable')
  })

  it('H7 the portal is connected to at once when a default route comes after the address, and not at the next attempt', () => {
    side.handle(changed([ADDRESS]), now)
    expect(types()).to.deep.equal(['openConnection'])
  })

  it('addresses of bridges to containers cause no attempt to connect', () => {
    side.handle(changed([], ['172.17.0.1']), now)
    expect(types()).to.deep.equal([])
  })
})
