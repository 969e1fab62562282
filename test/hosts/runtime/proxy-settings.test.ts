import { inspect } from 'node:util'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { checkProxies, proxyFor } from '../../../hosts/runtime/proxy-settings.ts'

const HTTPS_PROXY = 'http://ada:p%40ss@proxy.example.org:3128'
const to = (host: string, port = 443, tls = true) => ({ host, port, tls })

describe('proxies of the environment', () => {
  it('a proxy is that of the scheme, in either spelling, the lower case first, and nothing shows its credentials', () => {
    const proxy = proxyFor(to('portal.example.net'), { HTTPS_PROXY, HTTP_PROXY: 'http://other:8080' })
    expect(proxy).to.include({ host: 'proxy.example.org', port: 3128, tls: false })
    expect(proxy?.authorization?.reveal()).to.equal(`Basic ${Buffer.from('ada:p@ss').toString('base64')}`)
    expect(inspect(proxy) + JSON.stringify(proxy)).to.not.match(/p@ss|p%40ss|YWRh/)
    expect(proxyFor(to('portal.example.net', 80, false), { HTTPS_PROXY })).to.equal(undefined)
    const both = { HTTPS_PROXY, https_proxy: 'https://[2001:db8::1]' }
    expect(proxyFor(to('portal.example.net'), both)).to.include({ host: '2001:db8::1', port: 443, tls: true })
    expect(proxyFor(to('portal.example.net'), { https_proxy: 'proxy:3128' })).to.include({ host: 'proxy', port: 3128 })
    expect(proxyFor(to('portal.example.net'), { https_proxy: '', HTTPS_PROXY: '' })).to.equal(undefined)
  })

  it('NO_PROXY names hosts with all below them, addresses, CIDRs and ports that are reached directly', () => {
    const NO_PROXY = 'example.org, .corp.example *.lab.example;,10.0.0.0/8 2001:db8::/32,192.0.2.7 port.example:8443'
    const isDirect = (host: string, port?: number): boolean =>
      proxyFor(to(host, port), { HTTPS_PROXY, no_proxy: NO_PROXY }) === undefined
    for (const host of ['example.org', 'portal.Example.org.', 'a.corp.example', 'corp.example', '10.1.2.3', '2001:db8::7', '192.0.2.7']) expect(isDirect(host), host).to.equal(true) // prettier-ignore
    for (const host of ['notexample.org', 'example.org.net', '11.1.2.3', '192.0.2.8', '2001:db9::7', 'port.example']) expect(isDirect(host), host).to.equal(false) // prettier-ignore
    expect(isDirect('port.example', 8443)).to.equal(true)
    expect(proxyFor(to('portal.example.net'), { HTTPS_PROXY, NO_PROXY: '*' })).to.equal(undefined)
  })

  it('this machine itself is never reached by a proxy', () => {
    for (const host of ['localhost', 'LOCALHOST.', 'a.localhost', '127.0.0.1', '127.8.8.8', '::1']) {
      expect(proxyFor(to(host), { HTTPS_PROXY }), host).to.equal(undefined)
    }
  })

  it('a value that is no HTTP proxy stops a host at its start, without being shown', () => {
    for (const value of ['socks5://ada:secret@proxy:1080', 'http://', 'http://ada:secret@[proxy']) {
      expect(() => checkProxies({ HTTPS_PROXY: value }), value)
        .to.throw(/HTTPS_PROXY is no URL of an HTTP proxy/)
        .with.property('code', 'PROXY_INVALID')
      expect(() => proxyFor(to('portal.example.net'), { HTTPS_PROXY: value })).to.throw(/^(?!.*secret)/)
    }
    checkProxies({ HTTPS_PROXY, http_proxy: 'proxy:8080', NO_PROXY: '[[' })
  })
})
