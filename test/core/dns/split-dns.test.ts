import { expect } from 'chai'
import { describe, it } from 'mocha'
import { resolversFor } from '../../../core/dns/split-dns.ts'

const CORP = { name: 'corp', match: ['corp.example'] }
const LAB = { name: 'lab', match: ['example.net', 'lab.corp.example'] }
const SECOND = { name: 'second', match: ['CORP.example.'] }
const FIRST = { name: 'first' }
const LAST = { name: 'last' }
const ALL: { name: string; match?: string[] }[] = [FIRST, CORP, LAB, LAST, SECOND]

const TABLE: readonly [name: string, groups: string[][]][] = [
  ['www.example.com', [['first', 'last']]],
  [
    'corp.example',
    [
      ['corp', 'second'],
      ['first', 'last'],
    ],
  ],
  [
    'wiki.corp.example',
    [
      ['corp', 'second'],
      ['first', 'last'],
    ],
  ],
  [
    'WIKI.Corp.Example.',
    [
      ['corp', 'second'],
      ['first', 'last'],
    ],
  ],
  ['lab.corp.example', [['lab'], ['corp', 'second'], ['first', 'last']]],
  ['a.b.lab.corp.example', [['lab'], ['corp', 'second'], ['first', 'last']]],
  ['www.example.net', [['lab'], ['first', 'last']]],
  ['notcorp.example', [['first', 'last']]],
  ['corp.example.org', [['first', 'last']]],
  ['', [['first', 'last']]],
]

describe('split DNS', () => {
  for (const [name, groups] of TABLE) {
    it(`split DNS asks for ${name || 'the root'}: ${groups.map((group) => group.join(', ')).join('; then ')}`, () => {
      expect(resolversFor(name, ALL).map((group) => group.map((one) => one.name))).to.deep.equal(groups)
    })
  }

  it('split DNS asks nobody for a name where all resolvers are for other domains', () => {
    expect(resolversFor('www.example.com', [CORP, LAB])).to.deep.equal([])
  })
})
