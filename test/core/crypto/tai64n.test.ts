import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { isLater, successor, tai64n } from '../../../core/crypto/tai64n.ts'
import { toHex } from '../../../core/crypto/text-encoding.ts'
import { unixTime } from '../../../core/runtime/time.ts'

// Moments up to the year 4000.
const time = fc.integer({ min: 0, max: 64_060_588_800_000 }).map(unixTime)

describe('TAI64N', () => {
  it('TAI64N begins with 2^62 + 10 seconds at the beginning of 1970', () => {
    expect(toHex(tai64n(unixTime(0)))).to.equal('400000000000000a00000000')
    expect(toHex(tai64n(unixTime(1_767_225_600_123)))).to.equal('400000006955b90a0754d4c0')
  })

  it('TAI64N orders labels as their times', () => {
    fc.assert(
      fc.property(time, time, (one, other) => {
        expect(isLater(tai64n(one), tai64n(other))).to.equal(one > other)
      }),
    )
  })

  it('TAI64N has a label between one moment and the next millisecond, over the full second too', () => {
    fc.assert(
      fc.property(time, (moment) => {
        const label = tai64n(moment)
        expect(isLater(successor(label), label)).to.equal(true)
        expect(isLater(tai64n(unixTime(moment + 1)), successor(label))).to.equal(true)
      }),
    )
    const last = Uint8Array.of(0x40, 0, 0, 0, 0, 0, 0, 1, 0x3b, 0x9a, 0xc9, 0xff)
    expect(toHex(successor(last))).to.equal('400000000000000200000000')
  })
})
