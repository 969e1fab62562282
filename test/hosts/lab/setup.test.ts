import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { afterEach, before, beforeEach, describe, it } from 'mocha'
import { runCommand, type CommandResult } from '../../../hosts/lab/command.ts'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'
import { NODE_RELEASES, NODE_WANTED } from '../../kit/node-releases.ts'

/** Commands that the set-up searches for, provided by a folder of the test. */
const PRESENT = [
  'make',
  'python3',
  'c++',
  'ip',
  'nft',
  'sysctl',
  'dnsmasq',
  'curl',
  'ping',
  'dig',
  'wg',
  'unbound',
  'tayga',
  'tinyproxy',
  'dbus-daemon',
  'openssl',
  'ethtool',
  'nstat',
  'iperf3',
  'nc',
  'chromium',
  'postgres',
  'secret-tool',
  'gnome-keyring-daemon',
  'dbus-run-session',
  'turnserver',
  'nginx',
  'caddy',
  'iptables-legacy',
]

describe('hosts/lab/setup', function () {
  this.timeout(300_000)
  let clone: string
  let bin: string
  let policy: string
  let log: string

  beforeEach(async () => {
    clone = await mkdtemp(join(tmpdir(), 'clone-'))
    bin = join(clone, 'bin')
    policy = join(clone, 'policy-rc.d')
    log = join(clone, 'calls')
    await mkdir(bin)
    await writeFile(join(bin, 'package.json'), '{}')
    await mkdir(join(clone, 'hosts/lab'), { recursive: true })
    await mkdir(join(clone, 'core'))
    for (const file of ['setup.mjs', 'commands.json']) {
      await copyFile(join(packageRoot(), 'hosts/lab', file), join(clone, 'hosts/lab', file))
    }
    await write('core/index.ts', 'export {}')
    await manifest('1.0.0')
    for (const name of PRESENT) await command(name, '')
    await command('npm', NPM)
    await command('apt-get', APT)
  })
  afterEach(async () => {
    await rm(clone, { recursive: true, force: true })
  })

  const write = (path: string, text: string) => writeFile(join(clone, path), text)

  /** Writes the clone's manifests, which require this version of one package. */
  const manifest = async (version: string) => {
    await write('package.json', JSON.stringify({ type: 'module', engines: { node: '^20.19.0 || >=22.12.0' } }))
    await write('package-lock.json', JSON.stringify({ packages: { '': {}, 'node_modules/knex': { version } } }))
  }

  /** Makes a program that logs its arguments and runs the script. */
  const command = async (name: string, script: string) => {
    const header = `#!${process.execPath}\nconst fs = require('fs'), args = process.argv.slice(2)\n`
    const note = `fs.appendFileSync(${JSON.stringify(log)}, ['${name}', ...args].join(' ') + '\\n')\n`
    await writeFile(join(bin, name), header + note + script)
    await chmod(join(bin, name), 0o755)
  }

  const setUp = (args: string[] = ['test'], env: Record<string, string> = {}): Promise<CommandResult> =>
    runCommand(process.execPath, [join(clone, 'hosts/lab/setup.mjs'), ...args], {
      cwd: clone,
      env: {
        PATH: bin,
        npm_execpath: undefined,
        CLONE: clone,
        PORTREEVE_SETUP_POLICY: policy,
        PORTREEVE_SETUP_LOCK: join(clone, 'system.lock'),
        PORTREEVE_SETUP_SYSTEM_PATHS: '',
        ...env,
      },
    })

  const calls = async (of: string): Promise<string[]> => {
    const text = await readFile(log, 'utf8').catch(() => '')
    return text.split('\n').filter((line) => line.startsWith(`${of} `))
  }
  const isRoot = process.getuid?.() === 0

  it('the lab’s set-up installs the packages and builds on a fresh clone, and does nothing the next time', async () => {
    await command('wireguard-go', '')
    const first = await setUp()
    expect(first.code, first.stderr).to.equal(0)
    expect(first.stdout).to.equal('')
    expect(first.stderr).to.include('npm ci').and.include('npm run build').and.include('ready')
    expect((await setUp()).stderr).to.match(/^setup: ready \([\d.]+ s\)\n$/)
    expect(await calls('npm')).to.have.length(2)
  })

  it('the lab’s set-up installs anew when the lock file has changed, and builds anew when a source has', async () => {
    await command('wireguard-go', '')
    await setUp()
    await manifest('2.0.0')
    await setUp()
    await write('core/index.ts', 'export const changed = true')
    await setUp()
    expect((await calls('npm')).map((call) => call.split(' ')[1])).to.deep.equal(['ci', 'run', 'ci', 'run', 'run'])
  })

  it('the lab’s set-up shows a failing command and its output', async () => {
    await command('wireguard-go', '')
    await command('npm', 'process.stderr.write("no network"); process.exit(7)')
    const { code, stderr } = await setUp()
    expect(code).to.equal(1)
    expect(stderr).to.include('no network').and.include('npm ci')
  })

  it('one of two set-ups of the lab waits for the other', async () => {
    await command('wireguard-go', '')
    const both = await Promise.all([setUp(), setUp()])
    expect(both.map(({ code }) => code)).to.deep.equal([0, 0])
    expect(await calls('npm')).to.have.length(2)
  })

  it('the lab’s set-up does not wait for a set-up that was killed', async () => {
    await command('wireguard-go', '')
    await write('.setup.lock', '4194304')
    expect((await setUp()).code).to.equal(0)
  })

  it('the lab’s set-up names the Node.js that is needed', async () => {
    await write('package.json', JSON.stringify({ engines: { node: '>=99.1' } }))
    const { code, stderr } = await setUp()
    expect(code).to.equal(1)
    expect(stderr).to.include('Node.js 99.1').and.include(process.versions.node)
  })

  it('the lab’s set-up admits the Node.js releases that the manifest names, and no others', async () => {
    const fake = join(clone, 'version.cjs')
    await manifest('1.0.0')
    const { engines } = JSON.parse(await readFile(join(packageRoot(), 'package.json'), 'utf8')) as { engines: object }
    await write('package.json', JSON.stringify({ type: 'module', engines }))
    for (const [version, isAdmitted] of NODE_RELEASES) {
      const versions = `{ ...process.versions, node: '${version}' }`
      await writeFile(fake, `Object.defineProperty(process, 'versions', { value: ${versions} })`)
      const { stderr } = await setUp(['test'], { NODE_OPTIONS: `--require=${fake}`, npm_execpath: join(bin, 'npm') })
      expect(
        !stderr.includes(`setup: ${NODE_WANTED} is needed; this is ${version}.`),
        `${version}: ${stderr}`,
      ).to.equal(isAdmitted)
    }
  })

  it('the lab’s set-up lists what it can set up for', async () => {
    for (const args of [[], ['nonsense'], ['constructor']]) {
      const { code, stderr } = await setUp(args)
      expect(code).to.equal(2)
      expect(stderr).to.include('start|test|bench')
    }
  })

  it('the lab’s set-up reports like the lab where the lab cannot be set up', async () => {
    await write('package.json', JSON.stringify({ engines: { node: '>=99.1' } }))
    const { stdout } = await setUp(['start', '--once', '--json'])
    const { ok, steps } = JSON.parse(stdout) as { ok: boolean; steps: { name: string; ok: boolean; detail: string }[] }
    expect(ok).to.equal(false)
    expect(steps[0]).to.include({ name: 'set-up', ok: false })
    expect(steps[0]?.detail).to.include('Node.js 99.1')
  })

  describe('the lab’s set-up as root', function () {
    before(function () {
      if (!isRoot) this.skip()
    })

    it('the lab’s set-up installs missing Debian packages, without recommendations and without starting services', async () => {
      const { code, stderr } = await setUp()
      expect(code, stderr).to.equal(0)
      expect(stderr).to.include('missing on this machine: wireguard-go')
      const [install] = await calls('apt-get')
      expect(install).to.match(/install -y --no-install-recommends wireguard-go$/)
      expect(await readFile(join(clone, 'policy-seen'), 'utf8')).to.include('exit 101')
      expect(existsSync(policy)).to.equal(false)
    })

    it('the lab’s set-up keeps a policy-rc.d that is there, and replaces one that a killed set-up left', async () => {
      await writeFile(policy, '#!/bin/sh\nexit 0\n')
      await setUp()
      expect(await readFile(policy, 'utf8')).to.equal('#!/bin/sh\nexit 0\n')
      await rm(join(bin, 'wireguard-go'))
      await writeFile(policy, '#!/bin/sh\n# by the set-up of portreeve, process 4194304\nexit 101\n')
      await setUp()
      expect(existsSync(policy)).to.equal(false)
    })

    it('the lab’s set-up fetches package lists only where the installation fails without', async () => {
      await command(
        'apt-get',
        `if (!args.includes('update') && !fs.existsSync(process.env.CLONE + '/lists')) process.exit(100)
if (args.includes('update')) { fs.writeFileSync(process.env.CLONE + '/lists', ''); process.exit(0) }\n${APT}`,
      )
      expect((await setUp()).code).to.equal(0)
      expect((await calls('apt-get')).map((call) => call.split(' ')[3])).to.deep.equal(['install', 'update', 'install'])
    })

    it('the lab’s set-up tries again where another apt holds its lock', async () => {
      await command(
        'apt-get',
        `const tried = process.env.CLONE + '/tried'
if (!fs.existsSync(tried)) { fs.writeFileSync(tried, ''); process.stderr.write('E: Could not get lock'); process.exit(100) }\n${APT}`,
      )
      const { code, stderr } = await setUp()
      expect(code).to.equal(0)
      expect(stderr).to.include('another apt holds its lock')
      expect((await calls('apt-get')).some((call) => call.includes('update'))).to.equal(false)
    })

    it('the lab’s set-up says so where a command is missing after all', async () => {
      await command('apt-get', '')
      const { code, stderr } = await setUp()
      expect(code).to.equal(1)
      expect(stderr).to.include('still missing after the installation: wireguard-go')
    })
  })
})

/** Script of a stand-in for npm. */
const NPM = `
const install = () => {
  fs.mkdirSync('node_modules/knex', { recursive: true })
  fs.writeFileSync('node_modules/knex/index.js', 'module.exports = class { close() {} }')
  const { packages } = JSON.parse(fs.readFileSync('package-lock.json'))
  delete packages['']
  fs.writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages }))
}
if (args[0] === 'ci') install()
if (args[0] === 'run') fs.mkdirSync('dist', { recursive: true })`

/** Script of a stand-in for apt-get. */
const APT = `
const policy = process.env.PORTREEVE_SETUP_POLICY
fs.copyFileSync(policy, process.env.CLONE + '/policy-seen')
const command = process.env.PATH.split(':')[0] + '/wireguard-go'
fs.writeFileSync(command, '#!/bin/true')
fs.chmodSync(command, 0o755)`
