import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { LaneSessions, type LaneSession } from '../../../../hosts/runtime/lane/lane-sessions.ts'

const step = fc.record({ index: fc.nat(12), peer: fc.constantFrom('ada', 'bob', 'eve'), isAdded: fc.boolean() })

describe('the sessions of a lane', () => {
  it('a lane’s sessions are found by handle, index and peer as in a plain list, and handles are used again', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const sessions = new LaneSessions()
        const plain = new Map<number, { session: LaneSession; handle: number }>()
        let most = 0
        for (const { index, peer, isAdded } of steps) {
          expect(sessions.remove(index)).to.equal(plain.get(index)?.session)
          plain.delete(index)
          if (isAdded) {
            const session = { peer, index }
            plain.set(index, { session, handle: sessions.add(session) })
          }
          most = Math.max(most, plain.size)
          for (const { session, handle } of plain.values()) {
            expect(sessions.at(handle)).to.equal(session)
            expect(sessions.find(session.index)).to.equal(handle)
            expect(handle).to.be.lessThan(most)
          }
          expect(new Set([...plain.values()].map(({ handle }) => handle)).size).to.equal(plain.size)
          for (const name of ['ada', 'bob', 'eve']) {
            const held = [...plain.values()].some(({ session }) => session.peer === name)
            expect(sessions.hasAnyOf(name), name).to.equal(held)
          }
        }
        expect(sessions.all()).to.have.members([...plain.values()].map(({ session }) => session))
        expect(sessions.find(undefined)).to.equal(undefined)
      }),
    )
  })
})
