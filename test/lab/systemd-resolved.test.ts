import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { parse, stringify } from 'yaml'
import { eventually } from '../../hosts/lab/eventually.ts'
import type { Part } from '../../hosts/lab/part.ts'
import { portreeve } from '../../hosts/lab/program.ts'
import { MACHINES, PORTAL_URL } from '../../hosts/lab/topology.ts'
import { packageRoot } from '../../hosts/runtime/process/package-root.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { resolvedProblem, SystemdResolved } from '../kit/systemd-resolved.ts'
import { DnsLab, isMapped } from './dns-lab.ts'
import { PATIENCE_MS } from '../kit/patience.ts'

const DEVICE = 'tun-portreeve'

describe('a client beside systemd-resolved', function () {
  this.timeout(240_000)
  needsKernel()
  let dns: DnsLab
  let resolved: SystemdResolved
  let client: Part

  before(async function () {
    const problem = await resolvedProblem()
    if (problem !== undefined) {
      if (process.env['CI'] === 'true') throw new Error(`cannot be skipped in CI: ${problem}`)
      process.stderr.write(`skipped: ${problem}\n`)
      return this.skip()
    }
    dns = await DnsLab.open({
      upstream: ['--host-record=public.example.com,203.0.113.66', '--host-record=www.corp.example.org,203.0.113.66'],
      hosts: { 'www.corp.example.org': [MACHINES.web.site] },
      resources: { corp: { address: '*.corp.example.org' } },
      account: { search_domain: 'corp.example.org' },
      startClient: false,
    })
    const folder = join(dns.lab.run.path, 'resolved')
    resolved = await SystemdResolved.start(dns.lab.machines.client, { folder, upstream: MACHINES.upstream.outside })
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
        if (/: ~\. corp\.example\.org$|: corp\.example\.org ~\.$/m.test(stdout)) return true
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
})
