import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { comparePatterns, matchPattern, patternProblem } from '../../../core/dns/pattern.ts'

describe('pattern', () => {
  const rows: [pattern: string, name: string, matches: boolean][] = [
    ['example.org', 'example.org', true],
    ['example.org', 'EXAMPLE.org.', true],
    ['Example.ORG', 'example.org', true],
    ['example.org', 'a.example.org', false],
    ['*.example.org', 'example.org', true],
    ['*.example.org', 'a.example.org', true],
    ['*.example.org', 'a.b.example.org', false],
    ['*.example.org', 'aexample.org', false],
    ['**.example.org', 'example.org', true],
    ['**.example.org', 'a.b.c.example.org', true],
    ['**.example.org', 'example.org.evil.test', false],
    ['app.**.example.org', 'app.example.org', true],
    ['app.**.example.org', 'app.b.c.example.org', true],
    ['app.**.example.org', 'b.c.example.org', false],
    ['**.b.**.example.org', 'a.b.c.b.example.org', true],
    ['app.*.*.example.org', 'app.a.b.example.org', true],
    ['app.*.*.example.org', 'app.a.example.org', false],
    ['*.*.example.org', 'a.example.org', true],
    ['*.*.example.org', 'example.org', false],
    ['web-?.example.org', 'web-1.example.org', true],
    ['web-?.example.org', 'web-.example.org', false],
    ['web-?.example.org', 'web-10.example.org', false],
    ['app?org', 'app.org', false],
    ['app.*org', 'app.example.org', false],
    ['app.*org', 'app.org', true],
    ['web*.example.org', 'web.example.org', true],
    ['*a*b*.example.org', 'xxaxxbxx.example.org', true],
    ['bücher.example.org', 'xn--bcher-kva.example.org', true],
    ['', '', false],
    ['a..b', 'a.b', false],
    ['example.org', '', false],
    ['**.org', '..org', false],
  ]

  for (const [pattern, name, matches] of rows) {
    it(`D3 ${pattern} ${matches ? 'matches' : 'does not match'} ${name}`, () => {
      expect(matchPattern(pattern, name)).to.equal(matches)
    })
  }

  it('D3 agrees with a slow recursive model on random patterns and names', () => {
    fc.assert(
      fc.property(randomPattern, randomName, (pattern, name) => {
        expect(matchPattern(pattern, name)).to.equal(modelMatch(pattern, name))
      }),
      { numRuns: 5_000 },
    )
  })

  it('reading a pattern never throws, and patterns are totally ordered', () => {
    const text = fc.oneof(fc.string({ maxLength: 300, unit: 'grapheme' }), randomPattern)
    fc.assert(
      fc.property(text, text, text, (a, b, c) => {
        matchPattern(a, b)
        patternProblem(a)
        expect(Math.sign(comparePatterns(a, b))).to.equal(-Math.sign(comparePatterns(b, a)) + 0)
        if (comparePatterns(a, b) <= 0 && comparePatterns(b, c) <= 0) expect(comparePatterns(a, c)).to.be.at.most(0)
      }),
      { numRuns: 2_000 },
    )
  })

  it('matching stays quick on a pattern made to be slow', () => {
    const pattern = `${'*a'.repeat(31)}.${'**.a*.'.repeat(20)}org`
    expect(matchPattern(pattern, `${'a'.repeat(63)}.${'a.'.repeat(90)}com`)).to.equal(false)
  })

  it('D3 puts the most specific pattern first', () => {
    const ordered = [
      'example.org',
      'app.example.org',
      'ap?.example.org',
      'a??.example.org',
      'ap*.example.org',
      '*.example.org',
      'app.**.example.org',
      '**.example.org',
    ]
    expect(ordered.toReversed().sort(comparePatterns)).to.deep.equal(ordered)
  })

  it('D3 a narrower pattern of a random pair goes first', () => {
    // Replacing a label by a wider wildcard can only widen.
    const position = fc.integer({ min: 0, max: 2 })
    fc.assert(
      fc.property(fc.tuple(label, label, label), position, fc.constantFrom('*', '**'), (labels, at, wildcard) => {
        const narrow = [...labels, 'example', 'org'].join('.')
        const wide = [...labels.with(at, wildcard), 'example', 'org'].join('.')
        if (labels[at] === wildcard || labels[at] === '**') return
        expect(comparePatterns(narrow, wide)).to.be.below(0)
      }),
    )
  })

  for (const good of [
    'example.org',
    '*.example.org',
    '**.internal',
    '*.lan',
    '**.corp',
    '*.my-brand',
    'web-?.x.example.org',
    'intranet',
    'bücher.example.org',
    'a_b.example.org',
  ]) {
    it(`${good} may be a resource`, () => {
      expect(patternProblem(good)).to.equal(undefined)
    })
  }

  const bad = [
    '',
    'a b.example.org',
    'https://example.org',
    'example.org:443',
    '192.0.2.1',
    '192.0.2.0/24',
    '2001:db8::1',
    'localhost',
    '*.localhost',
    '*',
    '**',
    'example.*',
    'example.o?g',
    '*.org',
    '**.de',
    '?.*.com',
    '**.*.org',
    'a**.example.org',
    '***.example.org',
    'example.org.',
    'a..example.org',
    'b*ü.example.org',
    'a$.example.org',
    `${'a'.repeat(64)}.example.org`,
    `${'a.'.repeat(126)}org`,
  ]
  for (const pattern of bad) {
    it(`"${pattern.slice(0, 30)}" may not be a resource, with a reason`, () => {
      expect(patternProblem(pattern)).to.be.a('string')
    })
  }
})

const label = fc
  .array(fc.constantFrom('a', 'b', '?', '*'), { minLength: 1, maxLength: 4 })
  .map((characters) => characters.join('').replace(/\*+/g, '*'))
const randomPattern = fc
  .array(fc.oneof(label, fc.constant('**'), fc.constant('*')), { minLength: 1, maxLength: 6 })
  .map((labels) => labels.join('.'))
const randomName = fc
  .array(fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 7 })
  .map((labels) => labels.join('.'))

/** A slow model of the matching rules: tries every way to match a pattern. */
const modelMatch = (pattern: string, name: string): boolean => {
  const labels = pattern.split('.')
  const direct = modelLabels(labels, name.split('.'))
  return direct || (labels.length > 1 && labels[0] === '*' && modelLabels(labels.slice(1), name.split('.')))
}

const modelLabels = ([first, ...rest]: string[], name: string[]): boolean => {
  if (first === undefined) return name.length === 0
  if (first === '**') return name.some((_, at) => modelLabels(rest, name.slice(at))) || modelLabels(rest, [])
  const [head, ...tail] = name
  if (head === undefined) return false
  const expression = new RegExp(`^${first.replaceAll('?', '.').replaceAll('*', '.*')}$`)
  return expression.test(head) && modelLabels(rest, tail)
}
