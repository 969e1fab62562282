import { readFile, readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { after, before, beforeEach, describe, it } from 'mocha'
import { eventually } from '../../../hosts/lab/eventually.ts'
import { Namespace } from '../../../hosts/lab/namespace.ts'
import { RunDirectory } from '../../../hosts/lab/run-directory.ts'
import { needsKernel } from '../../kit/needs-kernel.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

const RESOLVER = fileURLToPath(new URL('resolver.js', import.meta.url))
const ORIGINAL = 'nameserver 192.0.2.53\n'

describe('the resolver configuration of Linux, where resolv.conf is mounted over', function () {
  this.timeout(240_000)
  needsKernel()
  let run: RunDirectory
  let first: Namespace
  let second: Namespace
  let etc: string[]
  let hosts: string

  before(async () => {
    run = await RunDirectory.open()
    first = await Namespace.create(run, 'first')
    second = await Namespace.create(run, 'second')
    etc = await readdir('/etc')
    hosts = await readFile('/etc/resolv.conf', 'utf8')
  })
  after(async () => {
    await run?.close()
  })
  beforeEach(async () => {
    await first.resolvConf(ORIGINAL)
    await second.resolvConf('nameserver 192.0.2.54\n')
  })

  const resolv = async (namespace: Namespace): Promise<string> =>
    (await namespace.mustRun('cat', ['/etc/resolv.conf'])).stdout

  /** Starts a client that sets its file, and kills it, with its guard first if that is asked for. */
  const crash = async (
    namespace: Namespace,
    { withGuard = false } = {},
  ): Promise<{ file: string; servers: string[] }> => {
    const part = namespace.spawn(process.execPath, [RESOLVER, 'set'], { name: 'resolver' })
    const line = await part.line((text) => text.includes('servers'))
    if (withGuard) {
      const children = await readFile(`/proc/${part.pid}/task/${part.pid}/children`, 'utf8')
      for (const pid of children.trim().split(' ')) process.kill(Number(pid), 'SIGKILL')
    }
    part.kill('SIGKILL')
    await part.ended
    return JSON.parse(line)
  }

  it('D8 a mounted resolv.conf is rewritten in place and restored on stop', async () => {
    const { stdout } = await first.mustRun(process.execPath, [RESOLVER, 'set-and-restore'])
    const [set, restored] = stdout
      .trim()
      .split('\n')
      .map((line): { file: string; servers: string[] } => JSON.parse(line))
    expect(set?.file).to.contain('nameserver 100.100.111.1\nsearch example.org\n')
    expect(set?.servers).to.deep.equal(['192.0.2.53:53'])
    expect(restored).to.deep.equal({ file: ORIGINAL, servers: ['192.0.2.53:53'] })
  })

  it('D8 a mounted resolv.conf is restored as soon as the client is killed, in each namespace its own', async () => {
    for (const namespace of [first, second]) expect((await crash(namespace)).file).to.contain('100.100.111.1')
    const began = performance.now()
    for (const [namespace, original] of [
      [first, ORIGINAL],
      [second, 'nameserver 192.0.2.54\n'],
    ] as const) {
      await eventually(async () => ((await resolv(namespace)) === original ? true : undefined), {
        what: 'the original is back',
        timeoutMs: PATIENCE_MS,
      })
    }
    process.stdout.write(`      back ${Math.round(performance.now() - began)} ms after it was killed\n`)
    for (const { name } of [first, second]) expect(await readdir(`/etc/netns/${name}`)).to.deep.equal(['resolv.conf'])
  })

  it('D8 a mounted resolv.conf is restored at the next start where the guard was killed too, with nothing left in /etc', async () => {
    for (const namespace of [first, second]) {
      expect((await crash(namespace, { withGuard: true })).file).to.contain('100.100.111.1')
    }
    expect(await resolv(first)).to.contain('100.100.111.1')
    // The backup is in the namespace's folder, which is deleted with it.
    expect(await readdir(`/etc/netns/${first.name}`)).to.include('resolv.conf.before-portreeve')
    // A second crash must not take the file of the first one for the original.
    expect((await crash(first, { withGuard: true })).servers).to.deep.equal(['192.0.2.53:53'])
    await first.mustRun(process.execPath, [RESOLVER, 'recover'])
    expect(await resolv(first)).to.equal(ORIGINAL)
    expect(await resolv(second)).to.contain('100.100.111.1')
    await second.mustRun(process.execPath, [RESOLVER, 'recover'])
    expect(await resolv(second)).to.equal('nameserver 192.0.2.54\n')
    expect(await readFile('/etc/resolv.conf', 'utf8'), 'the file below the mounts').to.equal(hosts)
    expect((await readdir('/etc')).filter((name) => !etc.includes(name) && name.includes('resolv'))).to.deep.equal([])
  })
})
