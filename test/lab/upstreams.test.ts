import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, beforeEach, describe, it } from 'mocha'
import { eventually } from '../../hosts/lab/eventually.ts'
import { MACHINES } from '../../hosts/lab/topology.ts'
import { makeCertificate } from '../kit/certificate.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { Unbound } from '../kit/unbound.ts'
import { DnsLab } from './dns-lab.ts'
import { PATIENCE_MS } from '../kit/patience.ts'

const OUTSIDE = MACHINES.upstream.outside
const SITE_DNS = MACHINES['site-dns'].site
const GATEWAY = MACHINES['gateway-1'].site
const DEAD = '203.0.113.99'
const RESOURCE = 'doh.site.example.org'
/** Milliseconds; less than dig waits. */
const DEADLINE_MS = 15_000

/** A name server that hears each query and answers none. */
const SILENT_SERVER = `
const socket = require('node:dgram').createSocket('udp4')
socket.on('message', () => console.log('asked'))
socket.bind(53, process.argv[1], () => console.log('listening'))
`

describe('upstream resolvers on the kernel', function () {
  this.timeout(240_000)
  needsKernel()
  let dns: DnsLab
  let unbound: Unbound
  let atSite: Unbound
  let certificates: string | undefined

  before(async () => {
    dns = await DnsLab.open({
      upstream: ['--host-record=www.example.com,192.0.2.1', `--host-record=${Unbound.serverName},${OUTSIDE}`],
      site: ['--host-record=www.example.com,192.0.2.2', `--txt-record=long.example.com,${'x'.repeat(250)}`],
      hosts: { [RESOURCE]: [SITE_DNS] },
      resources: {
        'the web name server': { address: RESOURCE, filters: [{ protocol: 'tcp', ports: ['443'] }] },
        'the name server': {
          address: `${SITE_DNS}/32`,
          filters: [
            { protocol: 'udp', ports: ['53'] },
            { protocol: 'tcp', ports: ['53'] },
          ],
        },
      },
      startClient: false,
    })
    const certificate = await makeCertificate([Unbound.serverName, RESOURCE, OUTSIDE])
    unbound = await Unbound.start({
      certificate,
      address: OUTSIDE,
      namespace: dns.lab.machines.upstream.name,
      ports: { plain: 5353, tls: 853, https: 443 },
      records: ['www.example.com. A 192.0.2.3'],
    })
    atSite = await Unbound.start({
      certificate,
      address: SITE_DNS,
      namespace: dns.lab.machines['site-dns'].name,
      ports: { plain: 5353, tls: 853, https: 443 },
      records: ['www.example.com. A 192.0.2.4'],
    })
    certificates = process.env['NODE_EXTRA_CA_CERTS']
    process.env['NODE_EXTRA_CA_CERTS'] = join(dns.lab.run.path, 'unbound.pem')
    await writeFile(process.env['NODE_EXTRA_CA_CERTS'], unbound.certificate.cert)
    await dns.startClient()
  })
  after(async () => {
    if (certificates === undefined) delete process.env['NODE_EXTRA_CA_CERTS']
    else process.env['NODE_EXTRA_CA_CERTS'] = certificates
    await unbound?.stop()
    await atSite?.stop()
    await dns?.close()
  })
  beforeEach(() => use([]))

  /** Sets the account's resolvers, and waits until the client uses them. */
  const use = async (upstream_resolvers: readonly object[]): Promise<void> => {
    const before = JSON.stringify((await dns.status()).dns.upstreams)
    const { upstream_resolvers: current } = (await dns.account()) as { upstream_resolvers: unknown }
    if (JSON.stringify(current) === JSON.stringify(upstream_resolvers)) return
    await dns.api.patch('account', { upstream_resolvers })
    await eventually(async () => (JSON.stringify((await dns.status()).dns.upstreams) === before ? undefined : true), {
      what: 'the client has other upstreams',
      timeoutMs: PATIENCE_MS,
    })
  }
  const stateOf = async (address: string) =>
    (await dns.status()).resources.find((resource) => resource.address === address)?.state
  const answer = async (...args: string[]) => (await dns.dig('www.example.com', 'A', ...args)).answers

  it("D2 D12 the system's own resolvers are asked where the account sets none", async () => {
    expect((await dns.status()).dns.upstreams).to.deep.equal([`${OUTSIDE}:53`])
    expect(await answer()).to.deep.equal(['192.0.2.1'])
  })

  it('D12 an upstream is asked by DNS over TLS', async () => {
    await use([{ type: 'tls', settings: { address: OUTSIDE, server_name: Unbound.serverName } }])
    expect((await dns.status()).dns.upstreams).to.deep.equal([`tls://${Unbound.serverName} (${OUTSIDE}:853)`])
    expect(await answer()).to.deep.equal(['192.0.2.3'])
    expect(await answer('+tcp')).to.deep.equal(['192.0.2.3'])
  })

  it("D12 an upstream is asked by DNS over HTTPS, found by the system's own resolver", async () => {
    await use([{ type: 'https', settings: { url: `https://${Unbound.serverName}/dns-query` } }])
    expect(await answer()).to.deep.equal(['192.0.2.3'])
    await use([{ type: 'https', settings: { url: `https://${OUTSIDE}/dns-query` } }])
    expect(await answer()).to.deep.equal(['192.0.2.3'])
    expect(await answer('+tcp')).to.deep.equal(['192.0.2.3'])
  })

  it('D12 an upstream whose certificate is for another name is not believed', async () => {
    await use([{ type: 'tls', settings: { address: OUTSIDE, server_name: 'other.example.org' } }])
    expect(await dns.dig('www.example.com', 'A')).to.deep.include({ status: 'SERVFAIL', answers: [] })
  })

  it('D12 an upstream that is itself a resource is asked through the tunnel', async () => {
    await use([{ type: 'udp', settings: { address: SITE_DNS } }])
    expect(await answer()).to.deep.equal(['192.0.2.2'])
    expect(await answer('+tcp')).to.deep.equal(['192.0.2.2'])
    expect(dns.seen('site-dns', 'www.example.com').at(-1)).to.equal(`query[A] www.example.com from ${GATEWAY}`)
    expect(await stateOf(`${SITE_DNS}/32`)).to.equal('connected')
  })

  it('D12 DNS over HTTPS at a name that is itself a resource goes through the tunnel', async () => {
    await use([{ type: 'https', settings: { url: `https://${RESOURCE}/dns-query` } }])
    // The first query may fail: it takes longer than dig waits to set up the tunnel.
    await eventually(async () => ((await answer())[0] === '192.0.2.4' ? true : undefined), {
      what: 'an answer through the tunnel',
      timeoutMs: PATIENCE_MS,
    })
    expect(await stateOf(RESOURCE)).to.equal('connected')
    expect(dns.seen('upstream', RESOURCE), 'the name stays here').to.deep.equal([])
  })

  it('D12 a dead upstream is left after a second, and asked last from then on', async () => {
    const { upstream } = dns.lab.machines
    await upstream.mustRun('ip', ['address', 'add', `${DEAD}/32`, 'dev', 'lo'])
    const silent = upstream.spawn(process.execPath, ['-e', SILENT_SERVER, DEAD], { name: 'silent' })
    try {
      await silent.line((line) => line === 'listening')
      await use([
        { type: 'udp', settings: { address: DEAD } },
        { type: 'udp', settings: { address: OUTSIDE } },
      ])
      const asked = () => ({
        silent: silent.output.split('\n').filter((line) => line === 'asked').length,
        other: dns.seen('upstream', 'www.example.com').length,
      })
      const before = asked().other
      const first = await dns.dig('www.example.com', 'A')
      expect(first.answers).to.deep.equal(['192.0.2.1'])
      expect(first.ms).to.be.below(DEADLINE_MS)
      expect(asked()).to.deep.equal({ silent: 1, other: before + 1 })
      for (let more = 1; more <= 3; more++) {
        expect((await dns.dig('www.example.com', 'A')).answers).to.deep.equal(['192.0.2.1'])
        expect(asked(), 'the dead one is left alone').to.deep.equal({ silent: 1, other: before + 1 + more })
      }
    } finally {
      silent.kill()
      await upstream.mustRun('ip', ['address', 'delete', `${DEAD}/32`, 'dev', 'lo'])
    }
  })

  it('D12 a dead upstream is left within a second or so, and used again when it is back and needed', async () => {
    await use([
      { type: 'udp', settings: { address: OUTSIDE } },
      { type: 'tls', settings: { address: OUTSIDE, server_name: Unbound.serverName } },
    ])
    const [first, second] = [dns.part('upstream'), unbound]
    expect(await answer()).to.deep.equal(['192.0.2.1'])
    first.kill('SIGSTOP')
    try {
      const left = await dns.dig('www.example.com', 'A')
      expect(left.answers).to.deep.equal(['192.0.2.3'])
      expect(left.ms).to.be.below(DEADLINE_MS)
    } finally {
      first.kill('SIGCONT')
    }
    second.pause(true)
    try {
      const back = await dns.dig('www.example.com', 'A')
      expect(back.answers).to.deep.equal(['192.0.2.1'])
      expect(back.ms).to.be.below(DEADLINE_MS)
      // The server has answered, and so is queried first again, though the other one would not answer at all.
      expect(await answer()).to.deep.equal(['192.0.2.1'])
    } finally {
      second.pause(false)
    }
    expect(await answer()).to.deep.equal(['192.0.2.1'])
  })
})
