import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { buildPackages } from '../kit/built-packages.ts'
import { bareDebian, debianProblem, runProgram, type CommandEnd } from '../kit/debian-machine.ts'
import { kernelProblem } from '../kit/needs-kernel.ts'
import { PATIENCE_MS } from '../kit/patience.ts'
import { skipBecause } from '../kit/skip-because.ts'
import { packageRoot } from '../kit/source-tree.ts'

const [BASE, TAG] = ['localhost/portreeve-debian', 'localhost/portreeve:test']
/** User of the portal in the image. */
const USER = 990

const PORTAL_YAML = `listen: { host: 127.0.0.1, port: 8080 }
plugins: [{ use: 'builtin:selector-random' }]
`

// The image is built by buildah. Its runtimes want another layout of control groups than some machines have, so what was
// built is run by systemd-nspawn, with what the compose file asks for: read-only root, the user, no rights.
describe('the image of portal and gateway', () => {
  const folder = mkdtempSync('/var/tmp/portreeve-image-')
  const storage = ['--storage-driver', 'vfs', '--root', join(folder, 'storage'), '--runroot', join(folder, 'run')]
  const buildah = async (args: readonly string[]): Promise<string> => {
    const { code, output } = await runProgram('buildah', [...storage, ...args])
    if (code !== 0) throw new Error(`buildah ${args.join(' ')}: ${output.slice(-3_000)}`)
    return output.trim()
  }
  let root = ''

  before(async function () {
    this.timeout(900_000)
    const problem = kernelProblem() ?? (await debianProblem())
    if (problem !== undefined) skipBecause(this, problem)
    if ((await runProgram('buildah', ['--version'])).code !== 0) skipBecause(this, 'needs the Debian package buildah')
    process.env['BUILDAH_ISOLATION'] = 'chroot'
    await buildPackages({ out: join(folder, 'packages'), version: '0.0.1' })
    const archive = join(folder, 'base.tar')
    await runProgram('tar', ['-C', await bareDebian(), '-cf', archive, '.'])
    const base = await buildah(['from', 'scratch'])
    await buildah(['add', '--quiet', base, archive, '/'])
    await buildah(['commit', '--quiet', '--rm', '--disable-compression', base, BASE])
    rmSync(archive)
    const script = join(packageRoot(), 'packaging/oci/build.mjs')
    const flags = ['--packages', join(folder, 'packages'), '--base', BASE, '--tag', TAG, '--', ...storage]
    const { code, output } = await runProgram(process.execPath, [script, ...flags])
    if (code !== 0) throw new Error(output)
    root = await buildah(['mount', await buildah(['from', TAG])])
  })
  after(async () => {
    delete process.env['BUILDAH_ISOLATION']
    if (root !== '') await buildah(['umount', '--all'])
    rmSync(folder, { recursive: true, force: true })
  })

  it('the image says who runs in it, what, and how its health is found', async () => {
    const { Docker } = JSON.parse(await buildah(['inspect', '--type', 'image', TAG])) as {
      Docker: { config: { User: string; Entrypoint: string[]; Cmd: string[]; Healthcheck: { Test: string[] } } }
    }
    expect(Docker.config.User).to.equal('portreeve')
    expect(Docker.config.Entrypoint).to.deep.equal(['/usr/bin/portreeve'])
    expect(Docker.config.Cmd).to.deep.equal(['portal', '--config', '/etc/portreeve/portal.yaml'])
    expect(Docker.config.Healthcheck.Test[0]).to.equal('CMD')
    expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).to.include(`portreeve:x:${USER}:${USER}:`)
  })

  it('a portal runs in it as a user without rights, on a read-only root, and its health check says so', async () => {
    const [state, config] = [join(folder, 'state'), join(folder, 'portal.yaml')]
    mkdirSync(state, { mode: 0o700 })
    chownSync(state, USER, USER)
    writeFileSync(config, PORTAL_YAML)
    // A runtime makes the places that it mounts to.
    writeFileSync(join(root, 'etc/portreeve/portal.yaml'), '')
    const mounts = [`--bind-ro=${config}:/etc/portreeve/portal.yaml`, `--bind=${state}:/var/lib/portreeve/portal`]
    const rights = ['--user=portreeve', '--read-only', '--tmpfs=/tmp', '--private-network', '--drop-capability=all', '--no-new-privileges=yes'] // prettier-ignore
    const container = ['-D', root, '--as-pid2', '--register=no', '--keep-unit', '--console=pipe', '-M', `portreeve-image-${process.pid}`] // prettier-ignore
    const command = ['/usr/bin/portreeve', 'portal', '--config', '/etc/portreeve/portal.yaml']
    const child = spawn('systemd-nspawn', [...container, ...rights, ...mounts, ...command], { stdio: ['ignore', 'pipe', 'pipe'] }) // prettier-ignore
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)))
    const ended = once(child, 'exit')
    let pid = 0
    try {
      const end = Date.now() + PATIENCE_MS
      let health: CommandEnd = { code: 1, output: '' }
      while (health.code !== 0 && Date.now() < end && child.exitCode === null) {
        await pause(300)
        pid = await portalBelow(child)
        if (pid === 0) continue
        const inside = ['-t', String(pid), '-m', '-n', '-p', '--setuid', String(USER), '--setgid', String(USER)]
        health = await runProgram('nsenter', [...inside, '/usr/lib/portreeve/bin/node', '/usr/lib/portreeve/bin/portal-health.mjs']) // prettier-ignore
      }
      expect(health.code, `${health.output}${output}`).to.equal(0)
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      expect(status)
        .to.match(new RegExp(`^Uid:\\s+${USER}\\s`, 'm'))
        .and.to.match(/^CapEff:\s+0+$/m)
      const touch = await runProgram('nsenter', ['-t', String(pid), '-m', 'touch', '/etc/altered'])
      expect(touch.output).to.include('Read-only file system')
    } finally {
      if (pid !== 0) process.kill(pid, 'SIGTERM')
      else child.kill('SIGKILL')
      await ended
    }
  })
})

/** Returns the process of the portal among the descendants of systemd-nspawn; 0 if there is none yet. */
const portalBelow = async (child: ChildProcess): Promise<number> => {
  const { output } = await runProgram('pgrep', ['-f', '^/usr/lib/portreeve/bin/node .*portal --config /etc/portreeve'])
  for (const pid of output.split('\n').filter((line) => line !== '')) {
    for (let parent = Number(pid); parent > 1; parent = parentOf(parent)) if (parent === child.pid) return Number(pid)
  }
  return 0
}

const parentOf = (pid: number): number => {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
