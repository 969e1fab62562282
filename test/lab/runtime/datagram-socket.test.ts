import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { Namespace } from '../../../hosts/lab/namespace.ts'
import { RunDirectory } from '../../../hosts/lab/run-directory.ts'
import { needsKernel } from '../../kit/needs-kernel.ts'

describe('a datagram socket on a path with a small MTU', function () {
  this.timeout(240_000)
  needsKernel()
  let run: RunDirectory

  before(async () => {
    run = await RunDirectory.open()
  })
  after(async () => {
    await run?.close()
  })

  it('T10 a socket sends one by one what the kernel refuses to send joined, and a probe whole or not at all', async () => {
    const namespace = await Namespace.create(run, 'segments')
    await namespace.ip(['link', 'set', 'lo', 'mtu', '1500'])
    const script = fileURLToPath(new URL('segments.js', import.meta.url))
    const { stdout } = await namespace.mustRun(process.execPath, [script])
    const seen = { datagrams: 60, probes: [1300, 1452] }
    expect(JSON.parse(stdout)).to.deep.equal({ ipv4: seen, ipv6: seen })
  })
})
