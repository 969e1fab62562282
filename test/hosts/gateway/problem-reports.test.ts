import { expect } from 'chai'
import { describe, it } from 'mocha'
import { ProblemReports } from '../../../hosts/gateway/problem-reports.ts'

const DROP = { code: 'forward_drop', said: 'a firewall drops packets', remedy: 'Let them pass.', blocks: true }
const OVERLAP = { ...DROP, code: 'network_overlap', blocks: false }

describe('what a gateway tells its portal of its machine', () => {
  const codes = (report: ReturnType<ProblemReports['asked']>) => report?.payload.problems.map(({ code }) => code)

  it('M4 a gateway tells only a portal that has asked, and only of what keeps it from forwarding', () => {
    const reports = new ProblemReports()
    expect(reports.problemsChanged([OVERLAP, DROP])).to.equal(undefined)
    expect(reports.asked()?.payload).to.deep.equal({ problems: [{ code: DROP.code, said: DROP.said }] })
    expect(reports.problemsChanged([DROP]), 'nothing has changed').to.equal(undefined)
    expect(codes(reports.problemsChanged([]))).to.deep.equal([])
    expect(codes(reports.problemsChanged([DROP]))).to.deep.equal(['forward_drop'])
  })

  it('M4 a gateway that joins anew tells of its problems again, and of none where there are none', () => {
    const reports = new ProblemReports()
    expect(reports.asked()).to.equal(undefined)
    reports.problemsChanged([DROP])
    reports.joined()
    expect(reports.problemsChanged([DROP, OVERLAP])).to.equal(undefined)
    expect(codes(reports.asked())).to.deep.equal(['forward_drop'])
  })
})
