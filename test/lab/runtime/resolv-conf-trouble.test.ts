import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { mustRun } from '../../../hosts/lab/command.ts'
import { eventually } from '../../../hosts/lab/eventually.ts'
import { createResolverConfiguration, createSystemResolvers } from '../../../hosts/runtime/index.ts'
import { needsKernel } from '../../kit/needs-kernel.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

const ORIGINAL = 'nameserver 192.0.2.53\noptions edns0\n'
/** A file longer than the page that a small file takes: writing it back needs room. */
const LONG = `${'# the administrator explains\n'.repeat(200)}${ORIGINAL}`
const RESOLVER = fileURLToPath(new URL('resolver.js', import.meta.url))
const SETTINGS = { device: 'lo', servers: ['100.100.111.1'], searchDomain: 'example.org' }

describe('resolv.conf in trouble', function () {
  this.timeout(240_000)
  needsKernel()
  let folder: string
  let path: string
  const mounts: string[] = []
  const clients: ChildProcess[] = []
  const mount = async (...args: string[]): Promise<void> => {
    const at = args.at(-1) ?? ''
    await mustRun('mount', args)
    mounts.push(at)
  }
  /** Fills a file system. */
  const fill = async (at: string): Promise<void> => {
    await mustRun('sh', ['-c', `cat /dev/zero > ${at}/filler 2>/dev/null; true`])
  }

  /** Starts a client that has set its file, and its guard. */
  const start = async (): Promise<{ client: ChildProcess; guard: number }> => {
    const client = spawn(process.execPath, [RESOLVER, 'set', path], { stdio: ['ignore', 'pipe', 'inherit'] })
    clients.push(client)
    await once(client.stdout, 'data')
    const children = await readFile(`/proc/${client.pid}/task/${client.pid}/children`, 'utf8')
    return { client, guard: Number(children) }
  }
  const kill = async (client: ChildProcess): Promise<void> => {
    const ended = once(client, 'exit')
    client.kill('SIGKILL')
    await ended
  }
  const hasEnded = (guard: number): Promise<unknown> =>
    eventually(
      async () => {
        // An orphan may stay a zombie if nothing waits for it.
        const stat = await readFile(`/proc/${guard}/stat`, 'utf8').catch(() => ') Z')
        return stat.includes(') Z') ? true : undefined
      },
      { what: 'the guard has ended', timeoutMs: PATIENCE_MS },
    )

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portreeve-resolv-'))
    path = join(folder, 'resolv.conf')
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) client.kill('SIGKILL')
    for (const at of mounts.splice(0).toReversed()) await mustRun('umount', [at])
    await rm(folder, { recursive: true })
  })

  it('D8 a full disk leaves the original resolv.conf as it was, with an error, and leaves nothing beside it', async () => {
    await mount('-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', folder)
    await writeFile(path, ORIGINAL)
    await fill(folder)
    const resolver = createResolverConfiguration({ mode: 'resolv-conf', path })
    const failure = await resolver.set(SETTINGS).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    )
    expect(failure).to.equal('ENOSPC')
    expect(await readFile(path, 'utf8')).to.equal(ORIGINAL)
    await resolver.restore()
    expect((await readdir(folder)).sort()).to.deep.equal(['filler', 'resolv.conf'])
    await rm(join(folder, 'filler'))
    await resolver.set(SETTINGS)
    expect(await readFile(path, 'utf8')).to.include('100.100.111.1')
    await resolver.restore()
    expect(await readFile(path, 'utf8')).to.equal(ORIGINAL)
  })

  it('D8 a disk that fills up while the client runs does not keep the original resolv.conf from coming back', async () => {
    await mount('-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', folder)
    await writeFile(path, ORIGINAL)
    const resolver = createResolverConfiguration({ mode: 'resolv-conf', path })
    await resolver.set(SETTINGS)
    await fill(folder)
    await resolver.restore().catch(() => undefined)
    const [now, backup] = [await readFile(path, 'utf8'), await readdir(folder)]
    // The original is back already, or is in the backup for the next start.
    if (now !== ORIGINAL) expect(backup).to.include('resolv.conf.before-portreeve')
    await rm(join(folder, 'filler'))
    await createResolverConfiguration({ mode: 'resolv-conf', path }).restore()
    expect(await readFile(path, 'utf8')).to.equal(ORIGINAL)
    expect(await readdir(folder)).to.deep.equal(['resolv.conf'])
  })

  it('D8 the guard of a client that is killed on a full disk restores the whole original resolv.conf', async () => {
    await mount('-t', 'tmpfs', '-o', 'size=48k', 'tmpfs', folder)
    await writeFile(path, LONG)
    const { client, guard } = await start()
    await fill(folder)
    await kill(client)
    await hasEnded(guard)
    expect(await readFile(path, 'utf8')).to.equal(LONG)
    expect((await readdir(folder)).sort()).to.deep.equal(['filler', 'resolv.conf'])
  })

  it('D8 a stop on a full disk restores the whole original resolv.conf', async () => {
    await mount('-t', 'tmpfs', '-o', 'size=48k', 'tmpfs', folder)
    await writeFile(path, LONG)
    const resolver = createResolverConfiguration({ mode: 'resolv-conf', path })
    await resolver.set(SETTINGS)
    await fill(folder)
    await resolver.restore()
    expect(await readFile(path, 'utf8')).to.equal(LONG)
  })

  it('D8 a mounted resolv.conf has the beginning of the original where the disk has filled up, and all of it after the next start', async () => {
    const disk = join(folder, 'disk')
    await mkdir(disk)
    await mount('-t', 'tmpfs', '-o', 'size=48k', 'tmpfs', disk)
    const mounted = join(disk, 'resolv.conf')
    await writeFile(mounted, LONG)
    await writeFile(path, '')
    await mount('--bind', mounted, path)
    const { client, guard } = await start()
    await fill(disk)
    await kill(client)
    await hasEnded(guard)
    const now = await readFile(path, 'utf8')
    expect(LONG.startsWith(now) && now.length >= 4_096, `${now.length} bytes, ${now.slice(0, 40)}`).to.equal(true)
    await rm(join(disk, 'filler'))
    const resolver = createResolverConfiguration({ mode: 'resolv-conf', path })
    // The next start may also set the file before it has looked for leftovers.
    await resolver.set(SETTINGS)
    expect(await readFile(path, 'utf8')).to.include('100.100.111.1')
    await resolver.restore()
    expect(await readFile(path, 'utf8')).to.equal(LONG)
    expect(await readdir(disk)).to.deep.equal(['resolv.conf'])
  })

  for (const left of ['', LONG.slice(0, 4_096)]) {
    it(`D8 a start restores resolv.conf where a full disk left ${left.length} bytes`, async () => {
      await writeFile(path, left)
      await writeFile(`${path}.before-portreeve`, LONG)
      expect(createSystemResolvers({ path }).servers()).to.deep.equal(['192.0.2.53:53'])
      await createResolverConfiguration({ mode: 'resolv-conf', path }).restore()
      expect(await readFile(path, 'utf8')).to.equal(LONG)
      expect(await readdir(folder)).to.deep.equal(['resolv.conf'])
    })
  }

  it('D8 a guard that was held up leaves the resolv.conf of the client that was started again', async () => {
    await writeFile(path, ORIGINAL)
    const { client, guard } = await start()
    process.kill(guard, 'SIGSTOP')
    await kill(client)
    const again = await start()
    process.kill(guard, 'SIGCONT')
    await hasEnded(guard)
    expect(await readFile(path, 'utf8')).to.include('100.100.111.1')
    expect((await readdir(folder)).sort()).to.deep.equal(['resolv.conf', 'resolv.conf.before-portreeve'])
    await kill(again.client)
    await hasEnded(again.guard)
    expect(await readFile(path, 'utf8')).to.equal(ORIGINAL)
    expect(await readdir(folder)).to.deep.equal(['resolv.conf'])
  })

  it('D8 a resolv.conf that is empty, and has no backup, is empty again', async () => {
    await writeFile(path, '')
    const resolver = createResolverConfiguration({ mode: 'resolv-conf', path })
    await resolver.set(SETTINGS)
    await resolver.restore()
    expect(await readFile(path, 'utf8')).to.equal('')
    expect(await readdir(folder)).to.deep.equal(['resolv.conf'])
  })

  it('D8 a mounted resolv.conf on a full disk is left whole', async () => {
    const disk = join(folder, 'disk')
    await mkdir(disk)
    await mount('-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', disk)
    const mounted = join(disk, 'resolv.conf')
    // The file is longer than a page with the lines of the product: rewriting it needs room.
    const long = `${ORIGINAL}${'options ndots:1\n'.repeat(252)}`
    await writeFile(mounted, long)
    await writeFile(path, '')
    await mount('--bind', mounted, path)
    await fill(disk)
    const resolver = createResolverConfiguration({ mode: 'resolv-conf', path })
    await resolver.set(SETTINGS).catch(() => undefined)
    await resolver.restore().catch(() => undefined)
    await createResolverConfiguration({ mode: 'resolv-conf', path }).restore()
    expect(await readFile(path, 'utf8')).to.equal(long)
  })
})
