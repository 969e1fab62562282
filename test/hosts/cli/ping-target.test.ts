import { expect } from 'chai'
import { describe, it } from 'mocha'
import { parseTarget, resourceAt } from '../../../hosts/cli/ping-target.ts'
import type { ResourceStatus } from '../../../hosts/client/session/client-status.ts'

const resource = (name: string, address: string | null): ResourceStatus => ({
  id: name,
  name,
  address,
  state: 'idle',
  gateway_id: null,
  reason: null,
  why: [],
})

describe('the target of a ping', () => {
  const PARSED = {
    'gitlab.example.org': { host: 'gitlab.example.org', port: undefined },
    'gitlab.example.org:443': { host: 'gitlab.example.org', port: 443 },
    '10.20.0.80': { host: '10.20.0.80', port: undefined },
    '10.20.0.80:22': { host: '10.20.0.80', port: 22 },
    '2001:db8::80': { host: '2001:db8::80', port: undefined },
    '[2001:db8::80]:22': { host: '2001:db8::80', port: 22 },
  }
  for (const [text, target] of Object.entries(PARSED)) {
    it(`${text} is a host, with a port or without`, () => expect(parseTarget(text)).to.deep.equal(target))
  }
  for (const text of ['', 'a b', 'gitlab:0', 'gitlab:70000', 'https://gitlab.example.org/', '[2001:db8::80]']) {
    it(`"${text}" is refused`, () => expect(() => parseTarget(text)).to.throw(/neither a name nor an address/))
  }
})

describe('the resource of an address', () => {
  const site = resource('site', '10.20.0.0/16')
  const web = resource('web', '10.20.0.80/32')
  const printer = resource('printer', '10.20.0.9')
  const all = [resource('gitlab', 'gitlab.example.org'), site, web, printer]
  const internet = resource('Internet', null)

  it('T5 the longest prefix that covers an address wins', () => {
    expect(resourceAt('10.20.0.80', all)).to.equal(web)
    expect(resourceAt('10.20.0.81', all)).to.equal(site)
    expect(resourceAt('10.20.0.9', all)).to.equal(printer)
    expect(resourceAt('192.0.2.1', all)).to.equal(undefined)
  })

  it('T8 the Internet resource has what no other has, and no private address', () => {
    expect(resourceAt('8.8.8.8', [...all, internet])).to.equal(internet)
    expect(resourceAt('10.20.0.80', [internet, ...all])).to.equal(web)
    expect(resourceAt('10.99.0.1', [...all, internet])).to.equal(undefined)
  })
})
