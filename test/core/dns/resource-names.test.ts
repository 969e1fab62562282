import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { comparePatterns, matchPattern } from '../../../core/dns/pattern.ts'
import { ResourceNames } from '../../../core/dns/resource-names.ts'

describe('names of resources', () => {
  it('D3 resources of a name are those that trying every pattern finds, the most specific first and the highest id of equals', () => {
    const label = fc.constantFrom('a', 'b', '*', '**', '?', 'a*', 'A')
    const address = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))
    const name = fc
      .array(fc.constantFrom('a', 'b', 'ab'), { minLength: 1, maxLength: 5 })
      .map((parts) => parts.join('.'))
    fc.assert(
      fc.property(fc.uniqueArray(address, { maxLength: 30 }), name, (addresses, asked) => {
        const resources = addresses.map((one, i) => ({ id: `id-${String(i).padStart(2, '0')}`, address: one }))
        const expected = resources
          .filter((resource) => matchPattern(resource.address, asked))
          .toSorted((a, b) => comparePatterns(a.address, b.address) || (a.id < b.id ? 1 : -1))
        expect(new ResourceNames(resources).match(asked)).to.deep.equal(expected)
      }),
      { numRuns: 1_000 },
    )
  })

  it('T5 among resources with one address the highest id comes first, as for packets', () => {
    const names = new ResourceNames(['a', 'c', 'b'].map((id) => ({ id, address: 'wiki.example.org' })))
    expect(names.match('wiki.example.org').map(({ id }) => id)).to.deep.equal(['c', 'b', 'a'])
  })

  it('resources whose address is no pattern are left out and named', () => {
    const names = new ResourceNames([
      { id: 'good', address: 'a.example.org' },
      { id: 'bad', address: 'a..example.org' },
      { id: 'empty', address: '' },
    ])
    expect(names.invalid).to.deep.equal(['a..example.org', ''])
    expect(names.match('a.example.org').map(({ id }) => id)).to.deep.equal(['good'])
    expect(names.match('')).to.deep.equal([])
  })
})
