import { expect } from 'chai'
import { describe, it } from 'mocha'
import { serverAddressProblem, serverUrlProblem } from '../../../core/net/server-address.ts'

describe('the address of a server to ask', () => {
  it('the address of a server is one outside of the tunnels', () => {
    for (const text of ['192.0.2.53', '127.0.0.1', '::1']) expect(serverAddressProblem(text), text).to.equal(undefined)
    const never = ['168.63.129.16', 'fd00:ec2::253', '64:ff9b::a9fe:a9fd', '169.254.169.253']
    for (const text of [
      '100.100.111.1',
      '192.0.2.0/24',
      'fe80::1%eth0',
      '010.0.0.1',
      'dns.example.org',
      '',
      ...never,
    ]) {
      expect(serverAddressProblem(text), text).to.be.a('string')
    }
  })

  it('the address of a server in a URL is a name, or an address that may be a server', () => {
    for (const host of ['dns.example.org', '192.0.2.53', '[2001:db8::53]', 'localhost', '127.0.0.1']) {
      expect(serverUrlProblem(`https://${host}/dns-query`), host).to.equal(undefined)
    }
    for (const host of ['2852039166', '0xa9.0xfe.1', '[fd00:ec2::254]', '[64:ff9b::a9fe:a9fe]']) {
      expect(serverUrlProblem(`https://${host}/dns-query`), host).to.be.a('string')
    }
  })
})
