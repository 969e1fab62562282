import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { hintedAddresses } from '../../../core/dns/service-hints.ts'
import { formatAddress, parseAddress } from '../../../core/net/ip-address.ts'

const parameter = (key: number, value: readonly number[]): number[] => [
  0,
  key,
  value.length >> 8,
  value.length & 255,
  ...value,
]
const bytesOf = (text: string): number[] => [...(parseAddress(text) ?? [])]
const record = (name: readonly number[], ...parameters: readonly number[][]): Uint8Array =>
  Uint8Array.from([0, 1, ...name, ...parameters.flat()])
const OWN_NAME = [0]
const NAMED = [3, 119, 119, 119, 3, 110, 101, 116, 0]

describe('the addresses that an HTTPS record hints at', () => {
  it('address hints of an HTTPS record are read in both families, behind any name and among other parameters', () => {
    for (const name of [OWN_NAME, NAMED]) {
      const data = record(
        name,
        parameter(1, [2, 104, 50]),
        parameter(4, [...bytesOf('192.0.2.1'), ...bytesOf('192.0.2.2')]),
        parameter(6, bytesOf('2001:db8::1')),
      )
      expect(hintedAddresses(data)?.map((address) => formatAddress(address))).to.deep.equal([
        '192.0.2.1',
        '192.0.2.2',
        '2001:db8::1',
      ])
    }
    expect(hintedAddresses(record(OWN_NAME))).to.deep.equal([])
  })

  it('an HTTPS record that cannot be read has no address hints', () => {
    const cut = record(OWN_NAME, parameter(4, bytesOf('192.0.2.1')))
    for (const data of [
      new Uint8Array(0),
      Uint8Array.of(0, 1),
      Uint8Array.of(0, 1, 0xc0, 12),
      cut.subarray(0, cut.length - 1),
      record(OWN_NAME, parameter(4, [192, 0, 2])),
      record(OWN_NAME, parameter(6, bytesOf('192.0.2.1'))),
    ]) {
      expect(hintedAddresses(data)).to.equal(undefined)
    }
  })

  it('reading an HTTPS record never throws, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (data) => void hintedAddresses(data)))
  })
})
