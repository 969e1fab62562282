import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { parse, stringify } from 'yaml'
import { eventually } from '../../hosts/lab/eventually.ts'
import type { Part } from '../../hosts/lab/part.ts'
import { portreeve } from '../../hosts/lab/program.ts'
import { MACHINES, PORTAL_URL } from '../../hosts/lab/topology.ts'
import { packageRoot } from '../../hosts/runtime/process/package-root.ts'
import { makeAuthority } from '../kit/certificate.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { resolvedProblem, SystemdResolved } from '../kit/systemd-resolved.ts'
import { DnsLab, isMapped } from './dns-lab.ts'
import { PATIENCE_MS } from '../kit/patience.ts'

const DEVICE = 'tun-portreeve'
/** Address that the outside name server has for every name. */
const ELSEWHERE = '203.0.113.66'
const TLS_FRONT = fileURLToPath(new URL('tls-front.js', import.meta.url))

describe('a client beside systemd-resolved', function () {
  this.timeout(240_000)
  needsKernel()
  let dns: DnsLab
  let resolved: SystemdResolved
  let client: Part
  /** Link to the outside network. */
  let link = ''

  before(async function () {
    const problem = await resolvedProblem()
    if (problem !== undefined) {
      if (process.env['CI'] === 'true') throw new Error(`cannot be skipped in CI: ${problem}`)
      process.stderr.write(`skipped: ${problem}\n`)
      return this.skip()
    }
    dns = await DnsLab.open({
      upstream: ['public.example.com', 'www.corp.example.org', 'web.office.example.org', 'new.office.example.org'].map(
        (name) => `--host-record=${name},203.0.113.66`,
      ),
      hosts: { 'www.corp.example.org': [MACHINES.web.site] },
      resources: { corp: { address: '*.corp.example.org' }, office: { address: 'web.office.example.org' } },
      account: { search_domain: 'corp.example.org' },
      startClient: false,
    })
    const folder = join(dns.lab.run.path, 'resolved')
    resolved = await SystemdResolved.start(dns.lab.machines.client, { folder, upstream: MACHINES.upstream.outside })
    // DHCP has told a domain and a server, as in an office.
    const { stdout } = await resolved.run('ip', ['-j', 'route', 'get', MACHINES.upstream.outside])
    ;[{ dev: link = '' } = {}] = JSON.parse(stdout) as { dev?: string }[]
    await resolved.run('resolvectl', ['dns', link, MACHINES.upstream.outside])
    await resolved.run('resolvectl', ['domain', link, 'office.example.org'])
    await start()
  })
  after(async () => {
    await client?.stop()
    await resolved?.stop()
    await dns?.close()
  })

  const start = async (): Promise<void> => {
    const original = parse(await readFile(join(packageRoot(), 'config/client.yaml'), 'utf8')) as object
    const { lab, token } = dns
    const settings = {
      portal_url: PORTAL_URL,
      token_file: await lab.run.write('client.token', token),
      state_folder: join(lab.run.path, 'client'),
      socket: lab.clientSocket,
    }
    const config = await lab.run.write('client.yaml', stringify({ ...original, ...settings }))
    const args = portreeve('client', 'up', '--config', config)
    client = resolved.spawn(process.execPath, args, { name: 'client', log: join(lab.run.path, 'client.log') })
    await eventually(async () => ((await links()).includes('100.100.111.') ? true : undefined), {
      what: 'systemd-resolved asks the client',
      timeoutMs: PATIENCE_MS,
    })
  }
  const links = async (): Promise<string> => (await resolved.run('resolvectl', ['dns'])).stdout
  const addresses = async (name: string): Promise<string[]> => {
    const { stdout } = await resolved.run('getent', ['ahosts', name])
    return [...new Set(stdout.split('\n').flatMap((line) => line.split(/\s/)[0] || []))]
  }
  const upstreamAnswers = async (): Promise<true | undefined> =>
    (await addresses('www.corp.example.org')).includes('203.0.113.66') ? true : undefined

  it('D7 systemd-resolved is found by `auto`, is asked for every name, and knows the search domain', async () => {
    await eventually(
      async () => {
        // The search domain is set after the servers, by a message of its own.
        const { stdout } = await resolved.run('resolvectl', ['domain', DEVICE])
        if (stdout.includes('~.') && /[ ]corp\.example\.org/.test(stdout)) return true
        throw new Error(stdout)
      },
      { what: 'the domains of the device', timeoutMs: PATIENCE_MS },
    )
    const names = await addresses('www.corp.example.org')
    expect(names.length, names.join(' ')).to.be.above(0)
    expect(names.every(isMapped), names.join(' ')).to.equal(true)
    expect(await addresses('public.example.com')).to.deep.equal(['203.0.113.66'])
  })

  it('D7 short names work through systemd-resolved, also for curl', async () => {
    const short = await addresses('www')
    expect(short.some(isMapped), short.join(' ')).to.equal(true)
    const { stdout } = await resolved.run('curl', ['-s', '--max-time', '30', 'http://www/'])
    expect(JSON.parse(stdout)).to.deep.include({ server: 'web', host: 'www' })
  })

  it('D6 long answers pass through systemd-resolved whole', async () => {
    const { stdout } = await resolved.run('dig', ['+short', '+tcp', 'www.corp.example.org', 'A'])
    expect(stdout.trim().split('\n').filter(isMapped)).to.have.length(4)
  })

  it("D7 names of resources come from the client though they are in the domain of a link, also a new resource's", async () => {
    expect((await addresses('web.office.example.org')).every(isMapped)).to.equal(true)
    expect(await addresses('new.office.example.org'), 'a name that belongs to no resource').to.deep.equal([ELSEWHERE])
    const { id: site_id } = (await dns.api.list('sites'))[0] ?? expect.fail('no site')
    const added = { type: 'dns', name: 'new', address: 'new.office.example.org', site_id, filters: [] }
    const { id: resource_id } = await dns.api.create('resources', added)
    const { id: group_id } = (await dns.api.list('groups')).find(({ name }) => name === 'Engineers') ?? expect.fail()
    await dns.api.create('policies', { group_id, resource_id, conditions: [] })
    const isOurs = async () => ((await addresses('new.office.example.org')).every(isMapped) ? true : undefined)
    await eventually(isOurs, { what: 'the new resource is asked of the client', timeoutMs: PATIENCE_MS })
    expect((await dns.status()).problems).to.deep.equal([])
  })

  it('M4 D7 a link that has the very domain of resources is a problem that names it, until it has not', async () => {
    await resolved.run('resolvectl', ['domain', link, 'corp.example.org'])
    const ties = async () => (await dns.status()).problems.filter(({ code }) => code === 'domain_tie')
    const [tie] = await eventually(async () => ((await ties()).length > 0 ? ties() : undefined), {
      what: 'the problem is shown',
      timeoutMs: PATIENCE_MS,
    })
    expect(tie?.said).to.contain('corp.example.org').and.to.contain(link)
    await resolved.run('resolvectl', ['domain', link, ''])
    await eventually(async () => ((await ties()).length === 0 ? true : undefined), {
      what: 'the problem is over',
      timeoutMs: PATIENCE_MS,
    })
  })

  it('D7 `auto` sets systemd-resolved where nsswitch.conf asks it and resolv.conf is a plain file, with its stub or another server', async () => {
    const sources = async (services: string) =>
      resolved.write('/etc/nsswitch.conf', `passwd: files\ngroup: files\nhosts: ${services}\n`)
    await sources('files resolve [!UNAVAIL=return] dns')
    for (const server of ['127.0.0.53', MACHINES.upstream.outside]) {
      await resolved.write('/etc/resolv.conf', `nameserver ${server}\n`)
      const byLibrary = async () => addresses('www.corp.example.org')
      const byFile = async () =>
        (await resolved.run('dig', ['+short', 'www.corp.example.org'])).stdout.trim().split('\n')
      for (const asked of [byLibrary, byFile]) {
        await eventually(async () => ((await asked()).every(isMapped) ? true : undefined), {
          what: `${asked.name} asks the client beside ${server}`,
          timeoutMs: PATIENCE_MS,
        })
      }
    }
    await sources('files dns')
    await resolved.run('ln', ['-sf', '/run/systemd/resolve/stub-resolv.conf', '/etc/resolv.conf'])
  })

  it('D8 SIGKILL, a restart and a stop of the client leave nothing in systemd-resolved, and its link is never touched', async () => {
    const link = async () => (await resolved.run('readlink', ['/etc/resolv.conf'])).stdout.trim()
    expect(await link()).to.equal('/run/systemd/resolve/stub-resolv.conf')
    client.kill('SIGKILL')
    await client.ended
    await eventually(upstreamAnswers, { what: 'the machine has its own names after SIGKILL', timeoutMs: PATIENCE_MS })
    expect(await links()).not.to.include('100.100.111.')
    await start()
    await eventually(async () => ((await addresses('www.corp.example.org')).every(isMapped) ? true : undefined), {
      what: 'names of resources again',
      timeoutMs: PATIENCE_MS,
    })
    await client.stop()
    await eventually(upstreamAnswers, { what: 'the machine has its own names after a stop', timeoutMs: PATIENCE_MS })
    expect(await links()).not.to.include('100.100.111.')
    expect(await link()).to.equal('/run/systemd/resolve/stub-resolv.conf')
  })

  it('D7 T8 where systemd-resolved asks over TLS only, the client is asked plainly, and asks the servers of the machine over TLS itself', async () => {
    await client.stop()
    await resolved.stop()
    const { lab } = dns
    const authority = await makeAuthority()
    const { key, cert } = await authority.issue(['dns.example.org'])
    const { outside: address } = MACHINES.upstream
    const input = JSON.stringify({ address, key, cert })
    const front = lab.machines.upstream.spawn(process.execPath, [TLS_FRONT], { name: 'dns-over-tls', input })
    await front.line((line) => line === 'listening')
    const closed = 'add table inet plain; add chain inet plain in { type filter hook input priority 0; }; '
    await lab.machines.upstream.mustRun('nft', [`${closed} add rule inet plain in iif != lo th dport 53 drop`])
    resolved = await SystemdResolved.start(lab.machines.client, {
      folder: join(lab.run.path, 'resolved-over-tls'),
      upstream: `${address}#dns.example.org`,
      authority: await lab.run.write('authority.pem', authority.cert),
    })
    await eventually(async () => ((await addresses('public.example.com')).includes(ELSEWHERE) ? true : undefined), {
      what: 'the machine has names before the client starts',
      timeoutMs: PATIENCE_MS,
    })
    await start()
    const mapped = async () => {
      const found = await addresses('www.corp.example.org')
      return found.length > 0 && found.every(isMapped) ? true : undefined
    }
    await eventually(mapped, { what: 'a name of a resource', timeoutMs: PATIENCE_MS })
    for (const [name, address] of [
      ['public.example.com', ELSEWHERE],
      ['portal.example.org', MACHINES.portal.outside],
    ] as const) {
      // A busy machine may take longer for a first handshake than whoever asks waits for an answer.
      const asked = async () => {
        const found = await addresses(name)
        return found.length > 0 ? found : undefined
      }
      const found = await eventually(asked, { what: `the addresses of ${name}`, timeoutMs: PATIENCE_MS })
      expect(found).to.deep.equal([address])
    }
  })
})
