import { expect } from 'chai'
import { describe, it } from 'mocha'
import { checkPort } from '../../../hosts/peer/check-port.ts'
import { offeredAddresses } from '../../../hosts/peer/offered-addresses.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'

const ADDRESSES = [
  { address: '192.0.2.5', device: 'eth0', kind: 'uplink' },
  { address: '10.8.0.1', device: 'wg0', kind: 'link' },
  { address: '172.17.0.1', device: 'docker0', kind: 'bridge' },
  { address: '172.18.0.1', device: 'br-1a2b', kind: 'bridge' },
] as const

describe('addresses offered to peers', () => {
  it('all addresses are offered, those of bridges apart', () => {
    expect(offeredAddresses(ADDRESSES, [])).to.deep.equal({
      links: ['192.0.2.5', '10.8.0.1'],
      bridges: ['172.17.0.1', '172.18.0.1'],
    })
  })

  it('addresses of excluded devices are not offered, by name or by the beginning of the name', () => {
    expect(offeredAddresses(ADDRESSES, ['wg0', 'br-*', 'eth'])).to.deep.equal({
      links: ['192.0.2.5'],
      bridges: ['172.17.0.1'],
    })
  })
})

describe('the UDP port of a peer', () => {
  const logger = new RecordingLogger()
  const check = (isFixed: boolean, port = 52_625) =>
    checkPort({ ipv4: 52_625, ipv6: 40_000 }, { port, isFixed, logger })

  it('H11 a gateway that advertises addresses does not start without its port, and says what to do', () => {
    expect(() => check(true)).to.throw(/UDP port 52625.*taken.*udp_port/)
  })

  it('others warn that another port serves, unless any will do', () => {
    check(false)
    check(true, 0)
    expect(logger.lines.map(({ level }) => level)).to.deep.equal(['warn'])
  })
})
