import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { eventually } from '../../hosts/lab/eventually.ts'
import { portreeve } from '../../hosts/lab/program.ts'
import { MACHINES } from '../../hosts/lab/topology.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { DnsLab, isMapped } from './dns-lab.ts'
import { PATIENCE_MS } from '../kit/patience.ts'

const WEB = MACHINES.web.site
const FILES = MACHINES.files.site
const text = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `--txt-record=${name},${`${i}`.padStart(2, '0').repeat(60)}`)

describe('DNS on the kernel, by ordinary tools', function () {
  this.timeout(240_000)
  needsKernel()
  let dns: DnsLab

  before(async () => {
    dns = await DnsLab.open({
      upstream: [
        '--host-record=public.example.org,203.0.113.66,2001:db8::66',
        '--host-record=gitlab.example.org,203.0.113.66',
        '--host-record=jenkins.example.org,203.0.113.66',
        // Records of strangers' names that would lead to resources.
        '--host-record=four.rebinding.example.com,100.96.0.1',
        '--host-record=six.rebinding.example.com,fd00:2021:1111:8000::1',
        '--host-record=within.rebinding.example.com,::ffff:100.96.0.1',
        '--host-record=sentinel.rebinding.example.com,100.100.111.1',
        '--srv-host=_sip._udp.public.example.org,public.example.org,5060',
        ...text('long.public.example.org', 30),
      ],
      site: [
        '--srv-host=_ldap._tcp.corp.example.org,dc1.corp.example.org,389',
        '--txt-record=corp.example.org,from the site',
        ...text('long.corp.example.org', 30),
      ],
      hosts: {
        'gitlab.example.org': [WEB],
        'jenkins.example.org': [WEB],
        'six.example.org': ['fd10:20::80'],
        'dc1.corp.example.org': [FILES],
        'www.corp.example.org': [WEB],
        'both.corp.example.org': [WEB, FILES],
        'x.y.corp.example.org': [WEB],
        'a.apps.example.org': [WEB],
        'apps.example.org': [WEB],
        'special.apps.example.org': [FILES],
        'host1.example.org': [WEB],
        'exact.wide.example.net': [WEB],
        'one.wide.example.net': [WEB],
        'any.deep.wide.example.net': [WEB],
        ...Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`n${i}.many.example.org`, [WEB]])),
      },
      resources: {
        gitlab: { address: 'gitlab.example.org' },
        jenkins: { address: 'jenkins.example.org' },
        four: { address: 'only4.example.org', ip_stack: 'ipv4_only' },
        six: { address: 'six.example.org', ip_stack: 'ipv6_only' },
        corp: { address: '**.corp.example.org' },
        apps: { address: '*.apps.example.org' },
        host: { address: 'h?st1.example.org' },
        deep: { address: '**.wide.example.net' },
        one: { address: '*.wide.example.net' },
        exact: { address: 'exact.wide.example.net', ip_stack: 'ipv4_only' },
        many: { address: '*.many.example.org' },
      },
      withoutPolicy: ['jenkins'],
      account: { search_domain: 'corp.example.org' },
    })
  })
  after(() => dns?.close())

  it('D1 dig and getent see mapped addresses only, the same ones every time', async () => {
    const [first, again] = [await dns.dig('gitlab.example.org', 'A'), await dns.dig('GITLAB.example.org', 'A')]
    expect(first.answers).to.have.length(4)
    expect(first.answers.every(isMapped), first.text).to.equal(true)
    expect(again.answers).to.deep.equal(first.answers)
    expect(first.text).to.match(/gitlab\.example\.org\.\s+1\s+IN\s+A/)
    const six = await dns.dig('gitlab.example.org', 'AAAA')
    expect(six.answers.filter(isMapped)).to.have.length(4)
    const { stdout } = await dns.client('getent', ['ahosts', 'gitlab.example.org'])
    const addresses = [...new Set(stdout.split('\n').flatMap((line) => line.split(/\s/)[0] || []))]
    expect(addresses.sort()).to.deep.equal([...first.answers, ...six.answers].sort())
    await dns.page('http://gitlab.example.org/')
    const status = await dns.client('cat', ['/proc/net/route', '/etc/resolv.conf', '/etc/hosts'])
    expect(`${first.text}${six.text}${stdout}${status.stdout}`).not.to.include(WEB)
  })

  it('D2 P10 a name that is no resource of the person goes upstream, unchanged', async () => {
    expect((await dns.dig('public.example.org', 'A')).answers).to.deep.equal(['203.0.113.66'])
    expect((await dns.dig('public.example.org', 'AAAA')).answers).to.deep.equal(['2001:db8::66'])
    expect((await dns.dig('nothing.example.org', 'A')).status).to.equal('NXDOMAIN')
    expect((await dns.dig('_sip._udp.public.example.org', 'SRV')).answers).to.deep.equal([
      '0 0 5060 public.example.org.',
    ])
    expect((await dns.dig('jenkins.example.org', 'A')).answers, 'no policy').to.deep.equal(['203.0.113.66'])
    expect(dns.seen('upstream', 'public.example.org')).to.include(
      `query[A] public.example.org from ${MACHINES.client.outside}`,
    )
    expect(dns.seen('upstream', 'gitlab.example.org'), 'names of resources never go upstream').to.deep.equal([])
  })

  it('D3 wildcards match the names that they should, whatever the case', async () => {
    const mapped = async (name: string) => (await dns.dig(name, 'A')).answers.some(isMapped)
    for (const name of [
      'apps.example.org',
      'A.APPS.example.org',
      'www.corp.example.org',
      'x.y.corp.example.org',
      'host1.example.org',
    ]) {
      expect(await mapped(name), name).to.equal(true)
    }
    for (const name of ['x.y.apps.example.org', 'hoost1.example.org', 'example.org', 'xcorp.example.org']) {
      expect(await mapped(name), name).to.equal(false)
    }
    expect((await dns.page('http://a.apps.example.org/')).server).to.equal('web')
    expect((await dns.page('http://special.apps.example.org/')).server, 'each by its own record').to.equal('files')
  })

  it('D3 the most specific pattern wins: of three resources each name uses its own', async () => {
    const connected = async () => {
      const { resources } = await dns.status()
      return resources
        .filter(({ state, address }) => state === 'connected' && address?.endsWith('.wide.example.net') === true)
        .map(({ address }) => address)
    }
    const used: (string | null)[] = []
    for (const name of ['any.deep.wide.example.net', 'one.wide.example.net', 'exact.wide.example.net']) {
      expect((await dns.page(`http://${name}/`)).server).to.equal('web')
      used.push(...(await connected()).filter((address) => !used.includes(address)))
    }
    expect(used).to.deep.equal(['**.wide.example.net', '*.wide.example.net', 'exact.wide.example.net'])
    // The less specific resources have both families.
    expect((await dns.dig('one.wide.example.net', 'AAAA')).answers).to.have.length(4)
    expect((await dns.dig('exact.wide.example.net', 'AAAA')).answers).to.deep.equal([])
  })

  it("D2 a stranger's name does not lead to a mapped address, nor to one within an IPv6 address", async () => {
    for (const [name, type] of [
      ['four', 'A'],
      ['six', 'AAAA'],
      ['within', 'AAAA'],
      ['sentinel', 'A'],
    ] as const) {
      const asked = `${name}.rebinding.example.com`
      const { status, answers, text } = await dns.dig(asked, type)
      expect(answers, text).to.deep.equal([])
      expect(status).to.equal('SERVFAIL')
      expect(dns.seen('upstream', asked), 'the upstream was asked').not.to.deep.equal([])
    }
  })

  it('D4 HTTPS has no records, PTR names the resource, the canary name does not exist', async () => {
    const https = await dns.dig('gitlab.example.org', 'HTTPS')
    expect([https.status, https.answers]).to.deep.equal(['NOERROR', []])
    const [address = ''] = (await dns.dig('gitlab.example.org', 'A')).answers
    expect((await dns.dig('-x', address)).answers).to.deep.equal(['gitlab.example.org.'])
    const [six = ''] = (await dns.dig('gitlab.example.org', 'AAAA')).answers
    expect((await dns.dig('-x', six)).answers).to.deep.equal(['gitlab.example.org.'])
    expect((await dns.dig('use-application-dns.net', 'A')).status).to.equal('NXDOMAIN')
  })

  it('D4 D6 SRV and TXT records, long ones too, come from the site through the tunnel', async () => {
    const srv = await dns.dig('_ldap._tcp.corp.example.org', 'SRV')
    expect(srv.answers, srv.text).to.deep.equal(['0 0 389 dc1.corp.example.org.'])
    expect(srv.text, 'the site adds its address, which is not passed on').not.to.include(FILES)
    expect((await dns.dig('corp.example.org', 'TXT')).answers).to.deep.equal(['"from the site"'])
    const cut = await dns.dig('+ignore', 'long.corp.example.org', 'TXT')
    expect(cut.flags).to.include('tc')
    expect((await dns.dig('long.corp.example.org', 'TXT')).answers).to.have.length(30)
    expect((await dns.dig('+tcp', 'long.corp.example.org', 'TXT')).answers).to.have.length(30)
    expect(dns.seen('upstream', 'corp.example.org')).to.deep.equal([])
    expect(new Set(dns.seen('site-dns', 'corp.example.org').map((line) => line.split(' ').at(-1)))).to.deep.equal(
      new Set([MACHINES['gateway-1'].site]),
    )
  })

  it('D5 an address family that the resource does not have has no records, but the name exists', async () => {
    const four = { a: await dns.dig('only4.example.org', 'A'), aaaa: await dns.dig('only4.example.org', 'AAAA') }
    expect([four.a.answers.length, four.aaaa.status, four.aaaa.answers.length]).to.deep.equal([4, 'NOERROR', 0])
    const six = { a: await dns.dig('six.example.org', 'A'), aaaa: await dns.dig('six.example.org', 'AAAA') }
    expect([six.aaaa.answers.length, six.a.status, six.a.answers.length]).to.deep.equal([4, 'NOERROR', 0])
  })

  it('D6 a long answer of an upstream or a resource is cut short over UDP and whole over TCP', async () => {
    const cut = await dns.dig('+ignore', 'long.public.example.org', 'TXT')
    expect(cut.flags).to.include('tc')
    const sizes = /MSG SIZE {2}rcvd: (\d+)/.exec(cut.text)?.[1]
    expect(Number(sizes)).to.be.at.most(1212)
    expect((await dns.dig('long.public.example.org', 'TXT')).answers).to.have.length(30)
    expect((await dns.dig('+noedns', 'long.public.example.org', 'TXT')).answers).to.have.length(30)
    const overTcp = await dns.dig('+tcp', 'gitlab.example.org', 'A')
    expect(overTcp.answers.filter(isMapped)).to.have.length(4)
    expect((await dns.dig('+tcp', 'public.example.org', 'A')).answers).to.deep.equal(['203.0.113.66'])
  })

  it('D7 short names work by the search domain, in resolv.conf', async () => {
    expect(await dns.resolvConf()).to.match(/^search corp\.example\.org$/m)
    const { stdout } = await dns.client('getent', ['ahosts', 'www'])
    expect(stdout.split(/\s/).filter(isMapped)).not.to.deep.equal([])
    expect((await dns.page('http://www/')).server).to.equal('web')
  })

  it('D9 names on one real address are resources of their own', async () => {
    const [gitlab = ''] = (await dns.dig('gitlab.example.org', 'A')).answers
    expect((await dns.page(`http://${gitlab}/`)).address).to.equal(WEB)
    const policy = await dns.allow('jenkins')
    const jenkins = await eventually(async () => (await dns.dig('jenkins.example.org', 'A')).answers.find(isMapped), {
      what: 'the other name is known',
      timeoutMs: PATIENCE_MS,
    })
    expect((await dns.page('http://jenkins.example.org/')).address).to.equal(WEB)
    await dns.api.remove(`policies/${policy}`)
    const refused = await eventually(
      async () => {
        const page = await dns.page(`http://${jenkins}/`)
        return page.code === 0 ? undefined : page
      },
      { what: 'the other name is gone', timeoutMs: PATIENCE_MS },
    )
    expect(refused.code, 'at once, not by a timeout').to.equal(7)
    expect((await dns.page(`http://${gitlab}/`)).address, 'this one stays').to.equal(WEB)
    const fresh = await dns.page('http://gitlab.example.org/')
    expect(fresh.address).to.equal(WEB)
  })

  it('D11 a family without a record is refused at once, and applications take the other', async () => {
    await dns.page('http://www.corp.example.org/')
    const [six = ''] = (await dns.dig('www.corp.example.org', 'AAAA')).answers
    const began = performance.now()
    const { code, stdout } = await dns.client('ping', ['-6', '-c', '1', '-W', '30', six])
    expect(performance.now() - began, 'far from the timeout').to.be.below(15_000)
    expect(code).to.equal(1)
    expect(stdout).to.match(/unreachable/i)
    // One address only: curl itself waits between several.
    const only6 = await dns.page(`http://[${six}]/`)
    expect(only6.code).to.equal(7)
    expect(only6.ms, 'far from the timeout').to.be.below(15_000)
    const either = await dns.page('http://www.corp.example.org/')
    expect(either.server).to.equal('web')
    process.stdout.write(
      `      ICMP after ${Math.round(performance.now() - began - only6.ms - either.ms)} ms, IPv6 given up after ${only6.ms} ms, page after ${either.ms} ms\n`,
    )
  })

  it('D9 forty names on one address are forty pairs of addresses, all of which work', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `n${i}.many.example.org`)
    const { stdout } = await dns.client('dig', ['+short', '+time=20', ...names.flatMap((name) => [name, 'A'])])
    const addresses = stdout.trim().split('\n')
    expect(new Set(addresses).size).to.equal(160)
    const { stdout: pages } = await dns.client('curl', [
      '-s4',
      '--max-time',
      '30',
      ...names.map((name) => `http://${name}/`),
    ])
    const hosts = pages
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { host: string; address: string })
    expect(hosts.map(({ host }) => host)).to.deep.equal(names)
    expect(new Set(hosts.map(({ address }) => address))).to.deep.equal(new Set([WEB]))
  })

  it('D12 `client dns query` shows the rule and the server of the answer', async () => {
    const query = async (...args: string[]) => {
      const { stdout, stderr } = await dns.client(
        process.execPath,
        portreeve('client', 'dns', 'query', ...args, '--json'),
      )
      return JSON.parse(stdout === '' ? `"${stderr}"` : stdout)
    }
    const resource = await query('gitlab.example.org')
    expect(resource).to.deep.include({ rule: 'resource', upstream: null, code: 'NOERROR' })
    expect(resource.resources).to.deep.equal([{ id: dns.resource('gitlab'), name: 'gitlab' }])
    expect(resource.answers[0].data).to.satisfy(isMapped)
    const upstream = await query('public.example.org', '--type', 'AAAA')
    expect(upstream).to.deep.include({ rule: 'upstream', upstream: `${MACHINES.upstream.outside}:53`, resources: [] })
    expect(upstream.answers).to.deep.equal([{ name: 'public.example.org', type: 'AAAA', ttl: 0, data: '2001:db8::66' }])
    expect(upstream.ms).to.be.within(0, 5_000)
    const site = await query('_ldap._tcp.corp.example.org', '--type', 'srv')
    expect(site).to.deep.include({ rule: 'site', code: 'NOERROR' })
    expect(site.answers[0].data).to.equal('0 0 389 dc1.corp.example.org.')
    expect(await query('long.corp.example.org', '--type', 'TXT'))
      .to.have.property('answers')
      .with.length(30)
    expect(await query('use-application-dns.net')).to.deep.include({ rule: 'resolver', code: 'NXDOMAIN' })
  })

  it('D10 all of the many addresses behind one name are used', async () => {
    const { answers } = await dns.dig('both.corp.example.org', 'A')
    const servers = new Set<string | undefined>()
    for (const address of answers) servers.add((await dns.page(`http://${address}/`)).server)
    expect(servers).to.deep.equal(new Set(['web', 'files']))
  })

  describe('resolv.conf of the client’s machine', () => {
    const original = `nameserver ${MACHINES.client.dns}\n`
    const isOurs = async () => (await dns.resolvConf()).includes('nameserver 100.100.111.')

    it('D8 a second client on the machine ends with the reason, and leaves the first one’s resolv.conf alone', async () => {
      const config = `${dns.lab.run.path}/client.yaml`
      const same = await dns.client(process.execPath, portreeve('client', 'up', '--config', config))
      expect(same.stderr).to.include('CLIENT_RUNNING')
      const text = await readFile(config, 'utf8')
      const other = await dns.lab.run.write('other.yaml', text.replace(/client\.sock/, 'other.sock'))
      const env = { PORTREEVE_SOCKET: undefined }
      const args = portreeve('client', 'up', '--config', other)
      const elsewhere = await dns.lab.machines.client.run(process.execPath, args, { env })
      expect(elsewhere.code).not.to.equal(0)
      expect(elsewhere.stderr).to.include('MACHINE_TAKEN')
      expect(await isOurs()).to.equal(true)
      expect((await dns.page('http://gitlab.example.org/')).server).to.equal('web')
      expect((await dns.dig('public.example.org', 'A')).answers).to.deep.equal(['203.0.113.66'])
    })

    it('D8 the original resolv.conf is back after SIGKILL of the client, after a restart, and after a stop', async () => {
      await dns.lab.killPart('client')
      await eventually(async () => ((await dns.resolvConf()) === original ? true : undefined), {
        what: 'the original is back after SIGKILL',
        timeoutMs: PATIENCE_MS,
      })
      expect((await dns.dig('gitlab.example.org', 'A')).answers, 'the machine has names').to.deep.equal([
        '203.0.113.66',
      ])
      await dns.startClient()
      expect((await dns.dig('gitlab.example.org', 'A')).answers.every(isMapped)).to.equal(true)
      await dns.lab.endPart('client')
      expect(await dns.resolvConf()).to.equal(original)
      expect((await dns.dig('gitlab.example.org', 'A')).answers).to.deep.equal(['203.0.113.66'])
    })
  })
})
