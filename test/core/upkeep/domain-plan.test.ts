import { expect } from 'chai'
import { describe, it } from 'mocha'
import { nameRanges } from '../../../core/dns/resource-names.ts'
import { planDomains } from '../../../core/upkeep/domain-plan.ts'

/** Plans for resources with these addresses, where `eth0` has these domains. */
const plan = (addresses: readonly string[], domains: readonly string[]) => {
  const names = nameRanges(addresses.map((address, at) => ({ id: String(at), address })))
  const { domains: routed, problems } = planDomains(names, [{ link: 'eth0', domains }])
  return { routed, ties: problems.map(({ said }) => /resources in (\S+)/.exec(said)?.[1]) }
}

describe('domains that lead names of resources to the tunnel device', () => {
  it('D7 the own suffixes of resources are routed, each once, and are no problem beside a shorter domain of a link', () => {
    const addresses = ['web.corp.example.org', '*.lab.corp.example.org', '**.lab.corp.example.org', '?.example.net']
    expect(plan(addresses, ['corp.example.org'])).to.deep.equal({
      routed: ['lab.corp.example.org', 'web.corp.example.org', 'example.net'],
      ties: [],
    })
  })

  it('M4 a domain that a link has as well is a problem, and so is one in which a resource may have names', () => {
    const of = (address: string, domain: string) => plan([address], [domain]).ties
    expect(of('*.corp.example.org', 'corp.example.org')).to.deep.equal(['corp.example.org'])
    expect(of('web.example.org', 'web.example.org')).to.deep.equal(['web.example.org'])
    expect(of('*.corp.example.org', 'berlin.corp.example.org')).to.deep.equal(['berlin.corp.example.org'])
    expect(of('**.example.org', 'berlin.corp.example.org')).to.deep.equal(['berlin.corp.example.org'])
    expect(of('*.corp.example.org', 'a.berlin.corp.example.org')).to.deep.equal([])
    expect(of('*.corp.example.org', 'supercorp.example.org')).to.deep.equal([])
    expect(of('web.corp.example.org', 'mail.corp.example.org')).to.deep.equal([])
  })

  it('D7 where there are more suffixes than systemd-resolved takes, those stay that a link has a domain for', () => {
    const addresses = Array.from({ length: 400 }, (_, at) => `host-${at}.example.${at === 399 ? 'org' : 'net'}`)
    const { routed } = plan(addresses, ['example.org'])
    expect(routed).to.have.length(250)
    expect(routed[0]).to.equal('host-399.example.org')
  })
})
