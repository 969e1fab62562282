import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { askGatewayStatus } from '../../hosts/gateway/control-socket.ts'
import { eventually } from '../../hosts/lab/eventually.ts'
import { MACHINES } from '../../hosts/lab/topology.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { DnsLab, isMapped } from './dns-lab.ts'
import { PATIENCE_MS } from '../kit/patience.ts'

const WEB = MACHINES.web.site
const FILES = MACHINES.files.site

describe('DNS of a site on the kernel, as its gateway resolves it', function () {
  this.timeout(240_000)
  needsKernel()
  let dns: DnsLab

  before(async () => {
    dns = await DnsLab.open({
      upstream: [
        '--mx-host=www.corp.example.org,public-mail.example.org,5',
        '--caa-record=corp.example.org,0,issue,up.example',
      ],
      site: [
        '--mx-host=corp.example.org,mail.corp.example.org,10',
        '--caa-record=corp.example.org,0,issue,ca.example',
        '--naptr-record=corp.example.org,1,2,s,SIP+D2U,,_sip._udp.corp.example.org',
        '--dns-rr=corp.example.org,65280,0102ff',
        '--host-record=bad.corp.example.org,127.0.0.1,64:ff9b::a9fe:a9fe',
      ],
      hosts: {
        'www.corp.example.org': [WEB],
        'mail.corp.example.org': [WEB],
        'slow.corp.example.org': [WEB, 'fd10:20::80'],
        'intranet.corp.example.org': [FILES],
      },
      gateway: { hosts: `${WEB} printer.corp.example.org\n`, search: 'nowhere.example.org corp.example.org' },
      resources: { corp: { address: '**.corp.example.org' }, intranet: { address: 'intranet' } },
    })
    await dns.page('http://www.corp.example.org/')
  })
  after(() => dns?.close())

  it('D15 names of a site have records of every type, over UDP and TCP, without a real address', async () => {
    for (const over of ['+notcp', '+tcp']) {
      const mx = await dns.dig(over, 'corp.example.org', 'MX')
      expect(mx.answers, mx.text).to.deep.equal(['10 mail.corp.example.org.'])
      expect(mx.text).not.to.include(WEB)
      expect((await dns.dig(over, 'corp.example.org', 'CAA')).answers).to.deep.equal(['0 issue "ca.example"'])
      const naptr = await dns.dig(over, 'corp.example.org', 'NAPTR')
      expect(naptr.answers).to.deep.equal(['1 2 "s" "SIP+D2U" "" _sip._udp.corp.example.org.'])
      expect((await dns.dig(over, 'corp.example.org', 'TYPE65280')).answers).to.deep.equal(['\\# 3 0102FF'])
    }
    const any = await dns.dig('+notcp', '+ignore', 'www.corp.example.org', 'ANY')
    expect(any.answers.filter(isMapped), any.text).to.have.length(4)
  })

  it('D15 names of a site have records from an upstream that the site does not have', async () => {
    const mx = await dns.dig('www.corp.example.org', 'MX')
    expect(mx.answers, mx.text).to.deep.equal(['5 public-mail.example.org.'])
    const none = await dns.dig('www.corp.example.org', 'SSHFP')
    expect([none.status, none.answers]).to.deep.equal(['NOERROR', []])
    expect(
      dns.seen('upstream', 'www.corp.example.org').every((line) => /query\[(MX|SSHFP|type=44)\]/.test(line)),
    ).to.equal(true)
  })

  it('names of a site are found in the hosts file of the gateway, whose changes are seen', async () => {
    expect((await dns.page('http://printer.corp.example.org/')).server).to.equal('web')
    await dns.lab.machines['gateway-1'].etc('hosts', `${FILES} printer2.corp.example.org\n`)
    expect((await dns.page('http://printer2.corp.example.org/')).server).to.equal('files')
  })

  it('names of one label are found by the search list of the gateway', async () => {
    expect((await dns.page('http://intranet/')).server).to.equal('files')
    expect(dns.seen('site-dns', 'intranet.nowhere.example.org')).not.to.deep.equal([])
  })

  it('names of a site resolve at once where the name server answers nothing about one family', async () => {
    // Queries of this length about AAAA: UDP, a header, a name of 23 bytes, and then the type.
    const rule = [
      'add',
      'rule',
      'inet',
      'silence',
      'out',
      'udp',
      'dport',
      '53',
      'udp',
      'length',
      '58',
      '@th,344,16',
      '28',
      'drop',
    ]
    const gateway = dns.lab.machines['gateway-1']
    await gateway.mustRun('nft', ['add', 'table', 'inet', 'silence'])
    await gateway.mustRun('nft', ['add', 'chain', 'inet', 'silence', 'out', '{ type filter hook output priority 0; }'])
    await gateway.mustRun('nft', rule)
    const page = await dns.page('http://slow.corp.example.org/', '-4')
    expect(page.server).to.equal('web')
    expect(dns.seen('site-dns', 'slow.corp.example.org').filter((line) => line.includes('AAAA'))).to.deep.equal([])
    await gateway.mustRun('nft', ['delete', 'table', 'inet', 'silence'])
    const { dropped } = await askGatewayStatus(join(dns.lab.run.path, 'gateway-1', 'gateway.sock'))
    expect(dropped['resolver']).to.have.property('site-resolver-went-on')
  })

  it('D13 names of a site are NXDOMAIN once the site has said so; people and admins are told of the site’s finding by name', async () => {
    await dns.page('http://typo.corp.example.org/')
    await dns.page('http://bad.corp.example.org/')
    const names = await eventually(
      async () => {
        const told = (await dns.status()).names
        return told.length >= 2 ? told : undefined
      },
      { what: 'status names both', timeoutMs: PATIENCE_MS },
    )
    expect(names.map(({ name, ipv4, ipv6 }) => [name, ipv4, ipv6])).to.have.deep.members([
      ['bad.corp.example.org', 'refused_address', 'refused_address'],
      ['typo.corp.example.org', 'no_such_name', 'no_such_name'],
    ])
    expect((await dns.dig('typo.corp.example.org', 'A')).status).to.equal('NXDOMAIN')
    const explained = await eventually(
      async () => {
        const { text } = await dns.api.create('policies/explain', {
          actor: 'ada@example.org',
          resource: dns.resource('corp'),
        })
        const whole = (text as string[]).join('\n')
        return whole.includes('typo.corp.example.org') ? whole : undefined
      },
      { what: 'explain names it', timeoutMs: PATIENCE_MS },
    )
    expect(explained).to.include('bad.corp.example.org: the site has an address that is never a server')
  })
})
