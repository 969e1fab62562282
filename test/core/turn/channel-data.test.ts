import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  encodeChannelData,
  FIRST_CHANNEL,
  LAST_CHANNEL,
  looksLikeChannelData,
  readChannelData,
} from '../../../core/turn/channel-data.ts'

describe('ChannelData', () => {
  it('any data of any channel is read as it was written, padded or not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: FIRST_CHANNEL, max: LAST_CHANNEL }),
        fc.uint8Array({ maxLength: 40 }),
        fc.nat(3),
        (channel, data, padding) => {
          const datagram = new Uint8Array([...encodeChannelData(channel, data), ...new Uint8Array(padding)])
          expect(looksLikeChannelData(datagram)).to.equal(true)
          expect(readChannelData(datagram)).to.deep.equal({ channel, data })
        },
      ),
    )
  })

  it('a datagram that is shorter than it says, or no ChannelData, is refused', () => {
    for (const datagram of [
      [],
      [0x40],
      [0x40, 0, 0],
      [0x40, 0, 0, 1],
      [0x80, 0, 0, 0],
      [0x00, 1, 0, 0],
      [0x3f, 0xff, 0, 0],
    ]) {
      expect(readChannelData(new Uint8Array(datagram)), String(datagram)).to.equal(undefined)
    }
  })
})
