import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { Namespace } from '../../../hosts/lab/namespace.ts'
import { RunDirectory } from '../../../hosts/lab/run-directory.ts'
import { needsKernel } from '../../kit/needs-kernel.ts'

const MIRROR = fileURLToPath(new URL('tun-mirror.js', import.meta.url))

describe('a TUN device', function () {
  this.timeout(240_000)
  needsKernel()
  let run: RunDirectory
  let namespace: Namespace

  before(async () => {
    run = await RunDirectory.open()
    namespace = await Namespace.create(run, 'tun')
  })
  after(async () => {
    await run?.close()
  })

  it('a TUN device carries pings out and answers back, in both families', async () => {
    const mirror = namespace.spawn(process.execPath, [MIRROR, 'ping'], { name: 'mirror' })
    try {
      await mirror.line((line) => line.includes('ready'))
      for (const address of ['192.0.2.77', '2001:db8::77']) {
        const { code, stdout } = await namespace.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', address])
        expect(code, stdout).to.equal(0)
      }
    } finally {
      mirror.kill('SIGKILL')
      await mirror.ended
    }
  })

  it('a TUN device segments super-packets with right checksums, and the kernel takes every packet that is written', async () => {
    const { stdout } = await namespace.mustRun(process.execPath, [MIRROR, 'transfer'], { timeoutMs: 200_000 })
    const results: Record<string, unknown> & { seen?: Record<string, number> } = JSON.parse(
      stdout.trim().split('\n').at(-1) ?? '',
    )
    process.stderr.write(`      ${JSON.stringify(results)}\n`)
    expect(results).to.include({ 'tcp 4': true, 'tcp 6': true, 'udp 4': 200, 'udp 6': 200 })
    expect(results).to.include({ broken: 0, tcpChecksumErrors: 0, udpChecksumErrors: 0 })
    expect(results['tcpReceived'], 'the kernel itself checked').to.be.greaterThan(1000)
    expect(results['dropped']).to.deep.equal({})
    expect(results.seen?.['largestPacket']).to.be.at.most(1280)
    // More packets than reads of 64 rows could bring one by one: they came as super-packets.
    expect(results.seen?.['largestBurst']).to.be.greaterThan(64)
  })

  it('a TUN device leaves neither device, route nor rule behind a killed process, once another has run', async () => {
    const killed = namespace.spawn(process.execPath, [MIRROR, 'ping'], { name: 'mirror' })
    await killed.line((line) => line.includes('ready'))
    killed.kill('SIGKILL')
    await killed.ended
    expect(await namespace.ip(['-j', 'link'])).not.to.contain('tun-test')
    await namespace.mustRun(process.execPath, [MIRROR, 'transfer'], { timeoutMs: 200_000 })
    for (const family of ['-4', '-6']) {
      expect(await namespace.ip([family, 'rule'])).not.to.contain('fwmark')
      const { stdout } = await namespace.run('ip', [family, 'route', 'show', 'table', String(0x2021fd00)])
      expect(stdout.trim()).to.equal('')
    }
  })
})
