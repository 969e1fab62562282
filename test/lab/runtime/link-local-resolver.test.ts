import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { Namespace } from '../../../hosts/lab/namespace.ts'
import { RunDirectory } from '../../../hosts/lab/run-directory.ts'
import { needsKernel } from '../../kit/needs-kernel.ts'

const ASK = fileURLToPath(new URL('link-local-resolver.js', import.meta.url))

describe('a name server at a link-local address', function () {
  this.timeout(240_000)
  needsKernel()
  let run: RunDirectory

  before(async () => {
    run = await RunDirectory.open()
  })
  after(async () => {
    await run?.close()
  })

  it('T10 a name server at a link-local address is asked on its link, by marked sockets and others, over UDP and TCP', async () => {
    const client = await Namespace.create(run, 'client')
    const router = await Namespace.create(run, 'router')
    await client.veth({ device: 'eth0', to: router, toDevice: 'eth0' })
    await client.ip(['address', 'add', 'fe80::2/64', 'dev', 'eth0', 'nodad'])
    await router.ip(['address', 'add', 'fe80::1/64', 'dev', 'eth0', 'nodad'])
    const args = [
      '--no-daemon',
      '--log-facility=-',
      '--no-resolv',
      '--no-hosts',
      '--conf-file=/dev/null',
      '--pid-file=',
    ]
    const record = '--host-record=web.example.org,2001:db8::80'
    const names = router.spawn('dnsmasq', [...args, '--user=root', record], { name: 'names' })
    await names.line((line) => line.includes('started'))
    const path = await run.write('resolv.conf', 'nameserver fe80::1%eth0\n')
    const { stdout } = await client.mustRun(process.execPath, [ASK, path])
    const answer = (protocol: string) => `[fe80::1%eth0]:53 ${protocol} 2001:db8::80`
    expect(JSON.parse(stdout)).to.deep.equal(['udp', 'tcp', 'udp', 'tcp'].map(answer))
  })
})
