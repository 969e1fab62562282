import { Writable } from 'node:stream'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { BinaryFrames, LONGEST_FRAME_BYTES, type FrameMask } from '../../../hosts/runtime/binary-frames.ts'

const MASKS: readonly FrameMask[] = ['none', 'zero', 'random']
const message = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index * 7)
const textOf = ({ message: bytes }: { message: Uint8Array }): string => Buffer.from(bytes).toString('base64')
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Returns what a stream got, one value for each write, and the writer of frames to it. */
const open = (mask: FrameMask) => {
  const writes: Buffer[] = []
  const stream = new Writable({
    write: (chunk: Buffer, _, done) => {
      writes.push(Buffer.from(chunk))
      done()
    },
  })
  return { writes, frames: new BinaryFrames(stream, mask) }
}

/** Reads frames as RFC 6455 §5.2 has them. */
const read = (bytes: Buffer): { key: Buffer; message: Uint8Array }[] => {
  const found = []
  for (let at = 0; at < bytes.length;) {
    expect(bytes[at]).to.equal(0x82)
    const second = bytes[at + 1] ?? 0
    const isLong = (second & 0x7f) === 126
    const length = isLong ? bytes.readUInt16BE(at + 2) : second & 0x7f
    at += isLong ? 4 : 2
    const key = bytes.subarray(at, at + (second >> 7) * 4)
    at += key.length
    const body = bytes.subarray(at, at + length)
    found.push({ key, message: Uint8Array.from(body, (byte, index) => byte ^ (key[index % 4] ?? 0)) })
    at += length
  }
  return found
}

describe('binary messages written as WebSocket frames', () => {
  it('a message of 256 bytes is the frame of RFC 6455 §5.7', async () => {
    const { frames, writes } = open('none')
    frames.add(message(256))
    await nextTurn()
    expect(writes).to.deep.equal([Buffer.from([0x82, 0x7e, 0x01, 0x00, ...message(256)])])
  })

  for (const mask of MASKS) {
    it(`messages of all lengths of one turn are one write, in order, where the mask is ${mask}`, async () => {
      const { frames, writes } = open(mask)
      const messages = [0, 1, 125, 126, 127, 1_400, LONGEST_FRAME_BYTES].map(message)
      const borrowed = message(300)
      for (const each of messages) frames.add(each)
      frames.add(borrowed)
      borrowed.fill(0)
      expect(frames.waitingBytes).to.be.greaterThan(LONGEST_FRAME_BYTES)
      await nextTurn()
      expect(frames.waitingBytes).to.equal(0)
      expect(writes).to.have.length(1)
      const found = read(writes[0] ?? Buffer.alloc(0))
      expect(found.map(textOf)).to.deep.equal([...messages, message(300)].map((bytes) => textOf({ message: bytes })))
      const keys = new Set(found.map(({ key }) => key.toString('hex')))
      expect(mask === 'random' ? keys.size > 4 : [...keys]).to.deep.equal(
        { none: [''], zero: ['00000000'], random: true }[mask],
      )
    })
  }

  it('a burst longer than a write is several, whose memory is not used again before they are done', async () => {
    const values: number[] = []
    const chunks: Buffer[] = []
    const ends: (() => void)[] = []
    const stream = new Writable({ write: (chunk: Buffer, _, done) => void (chunks.push(chunk), ends.push(done)) })
    const frames = new BinaryFrames(stream, 'none')
    const burst = async (value: number): Promise<void> => {
      for (let count = 0; count < 200; count++) frames.add(new Uint8Array(1_000).fill(value))
      await nextTurn()
    }
    await burst(1)
    await burst(2)
    for (; ends.length > 0; await nextTurn()) {
      const [first] = read(chunks.at(-1) ?? Buffer.alloc(0))
      values.push(first?.message[0] ?? 0)
      ends.pop()?.()
    }
    expect(values).to.deep.equal([1, 1, 2, 2])
  })

  it('a message that no frame of two bytes of length holds is refused', () => {
    expect(() => open('none').frames.add(new Uint8Array(LONGEST_FRAME_BYTES + 1))).to.throw(RangeError)
  })
})
