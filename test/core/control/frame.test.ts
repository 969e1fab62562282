import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { decodeFrame, encodeFrame, errorReply, okReply, readReply } from '../../../core/control/frame.ts'
import { example } from './examples.ts'
import { anyText } from '../../kit/any-text.ts'

const MAX_CHARACTERS = 65_536

const decoded = (text: string) => decodeFrame(text, MAX_CHARACTERS)

describe('frames', () => {
  for (const name of [
    'frame.join.client',
    'frame.join.gateway',
    'frame.reply-ok',
    'frame.reply-join-refused',
    'frame.reply-unmatched-topic',
    'frame.reply-unknown-message',
    'frame.heartbeat',
    'frame.heartbeat-reply',
    'frame.close',
    'frame.error',
    'frame.disconnect',
  ]) {
    it(`reads and writes the example ${name}`, () => {
      const verdict = decoded(JSON.stringify(example(name)))
      expect(verdict).to.deep.equal({ ok: true, frame: example(name) })
      if (verdict.ok) expect(JSON.parse(encodeFrame(verdict.frame))).to.deep.equal(example(name))
    })
  }

  it('frames are replied to as in the examples', () => {
    expect(okReply('client', 0)).to.deep.equal(example('frame.reply-ok'))
    expect(okReply('phoenix', 3)).to.deep.equal(example('frame.heartbeat-reply'))
    expect(errorReply('client', 0, 'unauthorized')).to.deep.equal(example('frame.reply-join-refused'))
    expect(errorReply('client', 7, 'unmatched topic')).to.deep.equal(example('frame.reply-unmatched-topic'))
    expect(errorReply('gateway', 9, 'unknown_message')).to.deep.equal(example('frame.reply-unknown-message'))
  })

  it('a frame’s absent ref is null, and unknown keys are ignored', () => {
    expect(decoded('{"topic":"a","event":"b","payload":1,"join_ref":"7"}')).to.deep.equal({
      ok: true,
      frame: { topic: 'a', event: 'b', payload: 1, ref: null },
    })
  })

  it('a frame that is refused is refused with a reason', () => {
    const reason = (text: string) => {
      const verdict = decoded(text)
      return verdict.ok ? 'ok' : verdict.reason
    }
    expect(reason('["1","1","client","phx_join",{}]')).to.equal('not-an-object')
    expect(reason('null')).to.equal('not-an-object')
    expect(reason('{')).to.equal('not-json')
    expect(reason(' '.repeat(MAX_CHARACTERS + 1))).to.equal('too-long')
    expect(reason('{"event":"b"}')).to.equal('bad-topic')
    expect(reason('{"topic":"a","event":7}')).to.equal('bad-event')
    for (const ref of ['"1"', '-1', '1.5', '1e300', 'true', '[]'])
      expect(reason(`{"topic":"a","event":"b","ref":${ref}}`), ref).to.equal('bad-ref')
  })

  it('a join is complete only with a response that is exactly {}', () => {
    expect(readReply({ status: 'ok', response: {} })).to.deep.equal({ status: 'ok' })
    for (const response of [null, undefined, { reason: 'x' }, [], '', 0])
      expect(readReply({ status: 'ok', response }), JSON.stringify(response)).to.equal(undefined)
    expect(readReply({ status: 'error', response: { reason: 'no', more: 1 } })).to.deep.equal({
      status: 'error',
      reason: 'no',
    })
    expect(readReply({ status: 'error', response: {} })).to.equal(undefined)
  })

  it('reading a frame never throws, on any text or JSON', () => {
    fc.assert(
      fc.property(fc.oneof(anyText(), fc.json(), deep), (text) => {
        const verdict = decoded(text)
        if (verdict.ok) readReply(verdict.frame.payload)
        else expect(verdict.reason).to.be.a('string')
      }),
    )
  })
})

const deep = fc.nat(20_000).map((depth) => '[{"a":'.repeat(depth))
