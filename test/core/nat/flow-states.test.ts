import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { FlowStates, UNCONFIRMED_TTL_MS } from '../../../core/nat/flow-states.ts'
import { TCP } from '../../../core/net/packet-view.ts'
import { after, instant } from '../../../core/runtime/time.ts'

const NOW = instant(1_000.5)

const step = fc.oneof(
  fc.record({ do: fc.constant('open' as const), owner: fc.nat(2) }),
  fc.record({ do: fc.constantFrom('close', 'stamp', 'stamp'), flow: fc.nat(6) }),
  fc.record({ do: fc.constant('endEra' as const), owner: fc.nat(2) }),
)

interface PlainFlow {
  owner: number
  row: number
}

describe('the states of flows', () => {
  it('flow states hold a verdict for its flow and its era alone, however rows are used again and stamps begin anew', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 3, max: 12 }), (steps, maxStamps) => {
        const eras = [0, 0, 0]
        let open: PlainFlow[] = []
        let verdicts: { flow: PlainFlow; era: number | undefined; stamp: number }[] = []
        const states = new FlowStates<string>(() => (verdicts = []), { maxStamps })
        for (const each of steps) {
          if (each.do === 'open') {
            const row = states.open({ owner: each.owner, protocol: TCP, isPlain: true }, NOW)
            expect(open.map((flow) => flow.row)).to.not.include(row)
            open.push({ owner: each.owner, row })
          } else if (each.do === 'endEra') {
            states.endEra(each.owner)
            eras[each.owner] = (eras[each.owner] ?? 0) + 1
          } else {
            const flow = open[each.flow]
            if (flow === undefined) continue
            if (each.do === 'stamp') {
              const stamp = states.stamp(flow.row)
              verdicts.push({ flow, era: eras[flow.owner], stamp })
            } else {
              states.close(flow.row)
              open = open.filter((other) => other !== flow)
            }
          }
          for (const { flow, era, stamp } of verdicts) {
            const isGood = open.includes(flow) && era === eras[flow.owner]
            expect(states.holdsVerdict(flow.row, stamp, NOW)).to.equal(isGood)
          }
          for (const { row, owner } of open) expect(states.ownerOf(row)).to.equal(owner)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('flow states hold no verdict on a flow that is over, and live on by its packets', () => {
    const states = new FlowStates<string>(() => undefined)
    const row = states.open({ owner: 7, protocol: TCP, isPlain: true }, NOW)
    const stamp = states.stamp(row)
    const [late, later] = [after(NOW, UNCONFIRMED_TTL_MS - 1), after(NOW, UNCONFIRMED_TTL_MS)]
    expect([states.holdsVerdict(row, stamp, late), states.holdsVerdict(row, stamp, later)]).to.deep.equal([true, false])
    states.recordPacket(row, { from: 'inside', tcpFlags: 0, now: late })
    expect(states.holdsVerdict(row, stamp, later)).to.equal(true)
  })

  it('flow states keep their rows when they need more room', () => {
    const states = new FlowStates<string>(() => undefined)
    const rows = Array.from({ length: 1_000 }, (_, at) => {
      const row = states.open({ owner: at, protocol: TCP, isPlain: false }, NOW)
      states.setFlow(row, `flow ${at}`)
      return { row, stamp: states.stamp(row) }
    })
    for (const [at, { row, stamp }] of rows.entries()) {
      expect([states.ownerOf(row), states.holdsVerdict(row, stamp, NOW)]).to.deep.equal([at, true])
      expect(states.recordPacket(row, { from: 'inside', tcpFlags: 0, now: NOW })).to.equal(`flow ${at}`)
    }
  })
})
