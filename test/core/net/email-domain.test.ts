import { expect } from 'chai'
import { describe, it } from 'mocha'
import { domainOfEmail, readEmailDomain } from '../../../core/net/email-domain.ts'

describe('the domain of an e-mail address', () => {
  it('the domain of an e-mail address is the same in every spelling of it', () => {
    for (const typed of ['example.org', 'EXAMPLE.org', 'example.org.', ' example.org ', 'ｅxample.org'])
      expect(readEmailDomain(typed), typed).to.equal('example.org')
    for (const typed of ['münchen.example', 'MÜNCHEN.example', 'xn--mnchen-3ya.example', 'mu\u0308nchen.example.'])
      expect(readEmailDomain(typed), typed).to.equal('xn--mnchen-3ya.example')
  })

  it('the domain of an e-mail address is neither its parent nor its child, and no pattern', () => {
    expect(readEmailDomain('mail.example.org')).to.equal('mail.example.org')
    for (const typed of ['*', '*.example.org', '', '.', 'org', 'a..example', '.example.org', 'example.org..'])
      expect(readEmailDomain(typed), typed).to.equal(undefined)
  })

  it('the domain of an e-mail address is nothing else that a host may be', () => {
    for (const typed of ['192.0.2.1', '0x7f.1', '[::1]', 'a.example:80', 'x@a.example', 'a.example/b', 'a b.example'])
      expect(readEmailDomain(typed), typed).to.equal(undefined)
  })

  it('the domain of an e-mail address stands behind the last @', () => {
    expect(domainOfEmail('ada@Example.org')).to.equal('example.org')
    expect(domainOfEmail('"a@evil.example"@example.org')).to.equal('example.org')
    for (const address of ['ada', '@example.org', 'ada@', 'ada@localhost'])
      expect(domainOfEmail(address)).to.equal(undefined)
  })
})
