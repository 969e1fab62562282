import { expect } from 'chai'
import { describe, it } from 'mocha'
import { Facts } from '../../core/contract/facts.ts'
import { unixTime } from '../../core/runtime/time.ts'
import { Settings } from '../../plugins/condition-remote-ip/config.ts'
import { RemoteIp } from '../../plugins/condition-remote-ip/remote-ip.ts'
import { policyConditionSuite } from '../conformance/policy-condition.ts'
import { fact } from '../kit/facts.ts'

policyConditionSuite('remote-ip', {
  create: () => new RemoteIp(),
  schema: Settings,
  settings: [
    { ranges: ['192.0.2.0/24'] },
    { operator: 'in', ranges: ['192.0.2.7', '2001:db8::/32'] },
    { operator: 'not_in', ranges: ['0.0.0.0/0'] },
    { operator: 'not_in', ranges: ['::/0', '198.51.100.128/25'] },
    { operator: 'in', ranges: ['::ffff:192.0.2.0/120'] },
  ],
  refused: [
    {},
    { ranges: [] },
    { ranges: ['192.0.2.7/24'] },
    { ranges: ['2001:db8::1/32'] },
    { ranges: ['192.0.2.0/33'] },
    { ranges: ['192.0.2'] },
    { ranges: ['010.0.0.1'] },
    { ranges: ['fe80::1%eth0'] },
    { ranges: ['192.0.2.0/24/8'] },
    { ranges: ['192.0.2.0/'] },
    { ranges: ['example.org'] },
    { operator: 'like', ranges: ['192.0.2.0/24'] },
  ],
  facts: { address: Facts.client.address },
  known: [{ address: '192.0.2.7' }, { address: '2001:db8::7' }, { address: '::ffff:192.0.2.7' }],
})

describe('remote-ip', () => {
  const holds = (settings: unknown, value: string) =>
    new RemoteIp().evaluate({ settings: Settings.parse(settings), facts: { address: fact(value) }, at: unixTime(0) })
      .holds

  it('remote-ip holds in a network from its first to its last address', () => {
    const settings = { ranges: ['192.0.2.128/25', '2001:db8:0:8000::/49'] }
    expect(holds(settings, '192.0.2.127')).to.equal(false)
    expect(holds(settings, '192.0.2.128')).to.equal(true)
    expect(holds(settings, '192.0.2.255')).to.equal(true)
    expect(holds(settings, '192.0.3.128')).to.equal(false)
    expect(holds(settings, '2001:db8:0:7fff:ffff::')).to.equal(false)
    expect(holds(settings, '2001:db8:0:8000::')).to.equal(true)
    expect(holds(settings, '2001:db8:0:ffff:ffff:ffff:ffff:ffff')).to.equal(true)
  })

  it('P2 remote-ip takes its ranges for alternatives, and not_in for none of them', () => {
    const ranges = ['192.0.2.0/24', '198.51.100.7']
    expect(holds({ ranges }, '198.51.100.7')).to.equal(true)
    expect(holds({ ranges }, '198.51.100.8')).to.equal(false)
    expect(holds({ operator: 'not_in', ranges }, '198.51.100.7')).to.equal(false)
    expect(holds({ operator: 'not_in', ranges }, '198.51.100.8')).to.equal(true)
  })

  it('remote-ip knows an IPv4 address that is mapped into IPv6, on either side', () => {
    expect(holds({ ranges: ['192.0.2.0/24'] }, '::ffff:192.0.2.7')).to.equal(true)
    expect(holds({ ranges: ['::ffff:192.0.2.0/120'] }, '192.0.2.7')).to.equal(true)
    expect(holds({ ranges: ['2001:db8::/32'] }, '192.0.2.7')).to.equal(false)
  })

  it('remote-ip denies what is not an address, for not_in too', () => {
    for (const text of ['', 'example.org', '192.0.2', '1', '0x7f000001', '192.0.2.7:80', 'fe80::1%eth0'])
      expect(holds({ operator: 'not_in', ranges: ['198.51.100.0/24'] }, text), text).to.equal(false)
  })
})
