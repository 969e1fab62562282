import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { NO_TROUBLE } from '../../../core/dns/site-finding.ts'
import { instant, MINUTE } from '../../../core/runtime/time.ts'
import { NameReports } from '../../../hosts/gateway/name-reports.ts'

const MISSING = { ipv4: 'no_such_name', ipv6: 'no_such_name' } as const

describe('what a gateway tells its portal of names', () => {
  let reports: NameReports

  beforeEach(() => {
    reports = new NameReports()
    reports.areWanted = true
  })

  it('a portal that does not understand reports about names gets none', () => {
    reports.areWanted = false
    const outcome = { resourceId: 'r', domain: 'a.example.org', found: MISSING }
    expect(reports.nameResolved(outcome, instant(0))).to.equal(undefined)
    reports.areWanted = true
    expect(reports.nameResolved(outcome, instant(0))).not.to.equal(undefined)
  })

  it('a gateway reports trouble with a name once, other trouble, and its end', () => {
    const told = [NO_TROUBLE, MISSING, MISSING, { ...MISSING, ipv4: 'servfail' as const }, NO_TROUBLE, NO_TROUBLE]
    const outcomes = told.map((found) => ({ resourceId: 'r', domain: 'a.example.org', found }))
    const said = outcomes.map((outcome) => reports.nameResolved(outcome, instant(0))?.payload)
    const [missing, other, none] = [MISSING, { ...MISSING, ipv4: 'servfail' }, NO_TROUBLE].map((found) => ({
      resource_id: 'r',
      domain: 'a.example.org',
      ...found,
    }))
    expect(said).to.deep.equal([undefined, missing, undefined, other, none, undefined])
  })

  it('a gateway sends at most 60 reports about names a minute; the others follow with a later look-up', () => {
    const all = Array.from({ length: 100 }, (_, at) => `n${at}.example.org`)
    const tell = (at: number) =>
      all.filter((domain) => reports.nameResolved({ resourceId: 'r', domain, found: MISSING }, instant(at))).length
    expect([tell(0), tell(1_000), tell(MINUTE), tell(2 * MINUTE)]).to.deep.equal([60, 0, 40, 0])
  })
})
