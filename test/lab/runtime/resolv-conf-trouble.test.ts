import { mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { mustRun } from '../../../hosts/lab/command.ts'
import { createResolverConfiguration, createSystemResolvers } from '../../../hosts/runtime/index.ts'
import { needsKernel } from '../../kit/needs-kernel.ts'

const ORIGINAL = 'nameserver 192.0.2.53\noptions edns0\n'
const SETTINGS = { device: 'lo', servers: ['100.100.111.1'], searchDomain: 'example.org' }

describe('resolv.conf in trouble', () => {
  needsKernel()
  let folder: string
  let path: string
  const mounts: string[] = []
  const mount = async (...args: string[]): Promise<void> => {
    const at = args.at(-1) ?? ''
    await mustRun('mount', args)
    mounts.push(at)
  }
  /** Takes all room there is. */
  const fill = async (at: string): Promise<void> => {
    await mustRun('sh', ['-c', `cat /dev/zero > ${at}/filler 2>/dev/null; true`])
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portreeve-resolv-'))
    path = join(folder, 'resolv.conf')
  })
  afterEach(async () => {
    for (const at of mounts.splice(0).toReversed()) await mustRun('umount', [at])
    await rm(folder, { recursive: true })
  })

  it('D8 a full disk leaves the original as it was, says so, and leaves nothing beside it', async () => {
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

  it('D8 a disk that fills up while the client runs does not keep the original from coming back', async () => {
    await mount('-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', folder)
    await writeFile(path, ORIGINAL)
    const resolver = createResolverConfiguration({ mode: 'resolv-conf', path })
    await resolver.set(SETTINGS)
    await fill(folder)
    await resolver.restore().catch(() => undefined)
    const [now, backup] = [await readFile(path, 'utf8'), await readdir(folder)]
    // Back already, or safe beside it for the next start.
    if (now !== ORIGINAL) expect(backup).to.include('resolv.conf.before-portreeve')
    await rm(join(folder, 'filler'))
    await createResolverConfiguration({ mode: 'resolv-conf', path }).restore()
    expect(await readFile(path, 'utf8')).to.equal(ORIGINAL)
    expect(await readdir(folder)).to.deep.equal(['resolv.conf'])
  })

  it('D8 a mounted file on a full disk is left whole', async () => {
    const disk = join(folder, 'disk')
    await mkdir(disk)
    await mount('-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', disk)
    const mounted = join(disk, 'resolv.conf')
    // Longer than a page with the rest of what is ours: rewriting it needs room.
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

  it('D8 a symbolic link is refused and stays what it was, and its servers are known', async () => {
    const target = join(folder, 'elsewhere')
    await writeFile(target, ORIGINAL)
    await symlink(target, path)
    const resolver = createResolverConfiguration({ mode: 'auto', path })
    const failure = await resolver.set(SETTINGS).then(
      () => undefined,
      (error: { code?: string }) => error.code,
    )
    expect(failure).to.equal('RESOLV_CONF_LINK')
    await resolver.restore()
    expect([await readlink(path), await readFile(path, 'utf8')]).to.deep.equal([target, ORIGINAL])
    expect((await readdir(folder)).sort()).to.deep.equal(['elsewhere', 'resolv.conf'])
    expect(createSystemResolvers({ path }).servers()).to.deep.equal(['192.0.2.53:53'])
  })
})
