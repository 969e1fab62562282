import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  fromBase64,
  fromBase64Url,
  fromHex,
  keyFromBase64,
  toBase32,
  toBase64,
  toBase64Url,
  toHex,
  utf8,
} from '../../../core/crypto/text-encoding.ts'

const bytes = fc.uint8Array({ maxLength: 80 })

describe('text encoding', () => {
  it('base64 and hex agree with the vectors of RFC 4648 §10', () => {
    expect(['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar'].map((text) => toBase64(utf8(text)))).to.deep.equal([
      '',
      'Zg==',
      'Zm8=',
      'Zm9v',
      'Zm9vYg==',
      'Zm9vYmE=',
      'Zm9vYmFy',
    ])
    expect(toBase32(utf8('foobar'))).to.equal('mzxw6ytboi')
    expect(toHex(utf8('foobar'))).to.equal('666f6f626172')
  })

  it('base64 and hex agree with Node.js for any bytes', () => {
    fc.assert(
      fc.property(bytes, (input) => {
        const buffer = Buffer.from(input)
        expect(toHex(input)).to.equal(buffer.toString('hex'))
        expect(toBase64(input)).to.equal(buffer.toString('base64'))
        expect(toBase64Url(input)).to.equal(buffer.toString('base64url'))
      }),
    )
  })

  it('base64 and hex give back the bytes that were encoded', () => {
    fc.assert(
      fc.property(bytes, (input) => {
        expect(fromHex(toHex(input))).to.deep.equal(input)
        expect(fromBase64(toBase64(input))).to.deep.equal(input)
        expect(fromBase64Url(toBase64Url(input))).to.deep.equal(input)
      }),
    )
  })

  it('base64 is read only in the form in which it is written', () => {
    for (const text of ['Zg', 'Zg=', 'Zh==', 'Zg==\n', 'Z g==', 'Zm9v====', '=', 'Zm9-']) {
      expect(fromBase64(text), JSON.stringify(text)).to.equal(undefined)
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect([text, undefined]).to.include(reencoded(text))
      }),
    )
  })

  it('a key in base64 has exactly 32 bytes', () => {
    expect(keyFromBase64(toBase64(new Uint8Array(32)))).to.have.length(32)
    for (const length of [0, 31, 33]) expect(keyFromBase64(toBase64(new Uint8Array(length)))).to.equal(undefined)
  })
})

const reencoded = (text: string): string | undefined => {
  const decoded = fromBase64(text)
  return decoded === undefined ? undefined : toBase64(decoded)
}
