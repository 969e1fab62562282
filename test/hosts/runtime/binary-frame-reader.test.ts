import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { BinaryFrameReader } from '../../../hosts/runtime/binary-frame-reader.ts'
import { BinaryFrames, type FrameMask } from '../../../hosts/runtime/binary-frames.ts'

const LENGTHS = [0, 1, 125, 126, 127, 1_350, 9_000]
const MAX_BYTES = 9_000
const message = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index * 7)
const texts = (messages: readonly Uint8Array[]): string[] => messages.map((bytes) => Buffer.from(bytes).toString('hex'))

/** Returns the frames that a writer makes of messages. */
const framesOf = (mask: FrameMask, messages: readonly Uint8Array[]): Buffer => {
  const written: Buffer[] = []
  const stream = new PassThrough()
  stream.write = (chunk: Buffer): boolean => (written.push(Buffer.from(chunk)), true)
  const frames = new BinaryFrames(stream, mask)
  for (const each of messages) frames.add(each)
  frames.flush()
  return Buffer.concat(written)
}

/** Reads pieces as they come from a connection; returns the messages, and what the library gets. */
const read = (isMasked: boolean, pieces: readonly Buffer[]) => {
  const connection = new PassThrough()
  const library: Buffer[] = []
  const messages: string[] = []
  connection.on('data', (bytes: Buffer) => library.push(Buffer.from(bytes)))
  BinaryFrameReader.attach(connection, {
    isMasked,
    maxBytes: MAX_BYTES,
    take: (batch) => messages.push(...texts(batch)),
  })
  for (const piece of pieces) connection.emit('data', Buffer.from(piece))
  return { messages, library: Buffer.concat(library) }
}

const piecesOf = (bytes: Buffer, length: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / length) }, (_, index) =>
    bytes.subarray(index * length, (index + 1) * length),
  )

describe('binary messages read from WebSocket frames', () => {
  for (const mask of ['none', 'zero', 'random'] as const) {
    it(`messages of all lengths are read however they are cut, where the mask is ${mask}`, () => {
      const bytes = framesOf(mask, LENGTHS.map(message))
      for (const length of [bytes.length, 1_000, 127, 3, 1]) {
        const found = read(mask !== 'none', piecesOf(bytes, length))
        expect(found.messages).to.deep.equal(texts(LENGTHS.map(message)))
        expect(found.library).to.have.length(0)
      }
    })
  }

  it('pings and pongs are the library’s, and messages go on behind them', () => {
    const ping = Buffer.from([0x89, 2, 7, 8])
    const [before, behind] = [[message(5)], [message(200)]].map((messages) => framesOf('none', messages))
    const all = Buffer.concat([before ?? ping, ping, Buffer.from([0x8a, 0]), behind ?? ping])
    for (const length of [all.length, 2, 1]) {
      const { messages, library } = read(false, piecesOf(all, length))
      expect(messages).to.deep.equal(texts([message(5), message(200)]))
      expect(library).to.deep.equal(Buffer.from([...ping, 0x8a, 0]))
    }
  })

  const OTHERS = {
    'a text': [0x81, 1, 0x61],
    'a fragment': [0x02, 1, 7],
    'a close': [0x88, 0],
    'a masked frame, from a server': [0x82, 0x81, 0, 0, 0, 0, 7],
    'a message that is too long': [0x82, 126, 0x23, 0x29],
    'a length of eight bytes': [0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1, 7],
    'a long ping': [0x89, 126, 0, 126],
    'a reserved bit': [0xc2, 1, 7],
  }
  for (const [what, frame] of Object.entries(OTHERS)) {
    it(`${what} is the library’s, as all that follows`, () => {
      const first = framesOf('none', [message(5)])
      const rest = Buffer.concat([Buffer.from(frame), framesOf('none', [message(6)])])
      const all = Buffer.concat([first, rest])
      for (const length of [all.length, 5, 1]) {
        const { messages, library } = read(false, piecesOf(all, length))
        expect(messages).to.deep.equal(texts([message(5)]))
        expect(library).to.deep.equal(rest)
      }
    })
  }
})
