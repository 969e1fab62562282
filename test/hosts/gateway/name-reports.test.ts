import { expect } from 'chai'
import { describe, it } from 'mocha'
import { NO_TROUBLE } from '../../../core/dns/site-finding.ts'
import { instant, MINUTE } from '../../../core/runtime/time.ts'
import { NameReports } from '../../../hosts/gateway/name-reports.ts'

const MISSING = { ipv4: 'no_such_name', ipv6: 'no_such_name' } as const

describe('what a gateway tells its portal of names', () => {
  it('a gateway reports trouble with a name once, other trouble, and its end', () => {
    const reports = new NameReports()
    const told = [NO_TROUBLE, MISSING, MISSING, { ...MISSING, ipv4: 'servfail' as const }, NO_TROUBLE, NO_TROUBLE]
    expect(told.map((found) => reports.shouldReport('r', 'a.example.org', found, instant(0)))).to.deep.equal([
      false,
      true,
      false,
      true,
      true,
      false,
    ])
  })

  it('a gateway sends at most 60 reports about names a minute; the others follow with a later look-up', () => {
    const reports = new NameReports()
    const all = Array.from({ length: 100 }, (_, at) => `n${at}.example.org`)
    const tell = (at: number) => all.filter((name) => reports.shouldReport('r', name, MISSING, instant(at))).length
    expect([tell(0), tell(1_000), tell(MINUTE), tell(2 * MINUTE)]).to.deep.equal([60, 0, 40, 0])
  })
})
