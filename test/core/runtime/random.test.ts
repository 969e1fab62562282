import { expect } from 'chai'
import { describe, it } from 'mocha'
import { integerBelow, uuid } from '../../../core/runtime/random.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

describe('integerBelow', () => {
  it('integerBelow draws each value about equally often', () => {
    const random = new SeededRandom('die')
    const counts = Array.from({ length: 6 }, () => 0)
    for (let i = 0; i < 6_000; i++) {
      const drawn = integerBelow(random, 6)
      counts[drawn] = (counts[drawn] ?? 0) + 1
    }
    for (const count of counts) expect(count).to.be.within(850, 1_150)
  })

  it('integerBelow draws anew where a value would be favoured', () => {
    const draws = [0xffff_ffff, 5]
    const random = { bytes: () => new Uint8Array(new Uint32Array([draws.shift() ?? 0]).buffer).toReversed() }
    expect(integerBelow(random, 6)).to.equal(5)
  })

  it('integerBelow refuses a bound that is none', () => {
    for (const below of [0, -1, 1.5, Number.NaN, 2 ** 33])
      expect(() => integerBelow(new SeededRandom(), below)).to.throw(RangeError)
  })
})

describe('uuid', () => {
  it('uuid is a version 4 UUID in lower case', () => {
    expect(uuid(new SeededRandom())).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })
})
