import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { intentQuery, parseIntent } from '../../../../../hosts/portal/web/sign-in/intent.ts'

describe("a sign-in's intent", () => {
  it("a sign-in's intent is the same after any number of redirects", () => {
    const word = fc.stringMatching(/^[A-Za-z0-9_-]{1,128}$/)
    const query = fc.oneof(
      fc.record({ as: fc.constant('gui-client'), state: word, nonce: word }),
      fc.record({
        as: fc.constant('headless-client'),
        state: word,
        nonce: word,
        callback: fc.constant('http://127.0.0.1:1/a?b=c'),
      }),
      fc.record({ redirect_to: fc.constantFrom('/example', '/example/home?x=1') }),
    )
    fc.assert(
      fc.property(query, (query) => {
        const verdict = parseIntent('example', query)
        if (!verdict.ok) throw new Error(verdict.problem)
        const again = Object.fromEntries(new URLSearchParams(intentQuery(verdict.intent)))
        expect(parseIntent('example', again)).to.deep.equal(verdict)
      }),
    )
  })

  it("a sign-in's intent never leads out of the account or off the loopback interface, whatever is asked for", () => {
    const any = fc.oneof(
      fc.string(),
      fc.webUrl(),
      fc.constantFrom(
        '//x',
        '/example//x',
        '/example/..',
        '/examplex',
        'http://127.0.0.1:80\\@evil/',
        'http://127.0.0.1:1/\r\nX: y',
      ),
    )
    fc.assert(
      fc.property(any, any, fc.constantFrom('', 'headless-client'), (redirect_to, callback, as) => {
        const verdict = parseIntent('example', { as, state: 's', nonce: 'n', redirect_to, callback })
        if (!verdict.ok) return
        const { redirectTo, callback: kept } = verdict.intent
        if (redirectTo !== undefined) {
          const url = new URL(redirectTo, 'http://portal.example')
          expect(url.host).to.equal('portal.example')
          expect(url.pathname).to.match(/^\/example(\/|$)/)
        }
        if (kept !== undefined) expect(new URL(kept).hostname).to.be.oneOf(['127.0.0.1', '[::1]'])
      }),
    )
  })

  it("a sign-in's intent is refused with a parameter that is there twice", () => {
    expect(parseIntent('example', { as: ['gui-client', 'x'] })).to.have.property('ok', false)
  })
})
