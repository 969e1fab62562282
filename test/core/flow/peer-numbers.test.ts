import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { PeerNumbers } from '../../../core/flow/peer-numbers.ts'

const step = fc.record({ id: fc.constantFrom('ada', 'bob', 'eve'), isHeld: fc.boolean() })

describe('the numbers of peers', () => {
  it('numbers of peers are small, and belong to one peer until it was released as often as held', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const numbers = new PeerNumbers()
        const plain = new Map<string, { number: number; holders: number }>()
        for (const { id, isHeld } of steps) {
          const known = plain.get(id)
          if (isHeld) {
            const number = numbers.hold(id)
            if (known === undefined) plain.set(id, { number, holders: 1 })
            else expect(number).to.equal(known.number)
            if (known !== undefined) known.holders++
          } else if (known !== undefined) {
            numbers.release(known.number)
            if (--known.holders === 0) plain.delete(id)
          }
          for (const name of ['ada', 'bob', 'eve']) expect(numbers.find(name)).to.equal(plain.get(name)?.number)
          for (const [name, { number }] of plain) expect([numbers.idOf(number), number < 3]).to.deep.equal([name, true])
        }
      }),
    )
  })
})
