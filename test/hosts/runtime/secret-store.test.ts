import { expect } from 'chai'
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { Secret } from '../../../core/runtime/secret.ts'
import { createSecretStore } from '../../../hosts/runtime/index.ts'
import { skipBecause } from '../../kit/skip-because.ts'

const TOKEN = 'a-token-that-nobody-else-may-see'

describe('S8 a secret store', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'secrets-'))
  })
  after(async () => rm(folder, { recursive: true, force: true }))

  it('S8 a secret store is by default a file of mode 0600, written whole', async () => {
    const store = createSecretStore('file', join(folder, 'state'))
    expect(await store.read('token')).to.equal(undefined)
    await store.write('token', new Secret(TOKEN))
    const { mode } = await stat(join(folder, 'state/token'))
    expect(mode & 0o777).to.equal(0o600)
    expect((await store.read('token'))?.reveal()).to.equal(TOKEN)
    await store.remove('token')
    expect(await store.read('token')).to.equal(undefined)
  })

  describe('a secret store in the Secret Service of a session', () => {
    const before_ = { ...process.env }
    let session: ChildProcess | undefined

    before(async function () {
      this.timeout(300_000)
      const needed = ['secret-tool', 'gnome-keyring-daemon', 'dbus-run-session']
      if (!needed.every((name) => existsSync(`/usr/bin/${name}`))) skipBecause(this, `needs ${needed.join(', ')}`)
      // A D-Bus and a keyring run until standard input ends.
      const script =
        'printf pw | gnome-keyring-daemon --unlock --components=secrets >&2; echo "$DBUS_SESSION_BUS_ADDRESS"; cat >&2'
      session = spawn('dbus-run-session', ['--', 'sh', '-c', script], {
        env: { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder, XDG_DATA_HOME: join(folder, 'data') },
        stdio: ['pipe', 'pipe', 'ignore'],
      })
      const address = await new Promise<string>((resolve, reject) => {
        session?.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()))
        session?.once('exit', (code) => reject(new Error(`dbus-run-session ended with ${String(code)}`)))
      })
      process.env['DBUS_SESSION_BUS_ADDRESS'] = address
    })
    after(async () => {
      process.env['DBUS_SESSION_BUS_ADDRESS'] = before_['DBUS_SESSION_BUS_ADDRESS'] ?? ''
      if (before_['DBUS_SESSION_BUS_ADDRESS'] === undefined) delete process.env['DBUS_SESSION_BUS_ADDRESS']
      if (session === undefined) return
      const ended = new Promise((resolve) => session?.once('exit', resolve))
      session.stdin?.end()
      await ended
    })

    it('S8 a secret store keeps the secret in a real keyring, each installation its own, and in no command line meanwhile', async () => {
      const store = createSecretStore('secret-service', '/home/ada/.portreeve')
      const other = createSecretStore('secret-service', '/home/ada/.another')
      expect(await store.read('token')).to.equal(undefined)
      const seen: string[] = []
      const watch = setInterval(() => seen.push(...commandLines()), 2)
      await store.write('token', new Secret(TOKEN))
      expect((await store.read('token'))?.reveal()).to.equal(TOKEN)
      clearInterval(watch)
      expect(
        seen.some((line) => line.includes('secret-tool')),
        'the watch saw secret-tool',
      ).to.equal(true)
      expect(seen.join('\n')).not.to.contain(TOKEN)
      expect(await other.read('token')).to.equal(undefined)
      await store.write('token', new Secret('another'))
      expect((await store.read('token'))?.reveal()).to.equal('another')
      await store.remove('token')
      expect(await store.read('token')).to.equal(undefined)
    })

    it('S8 a secret store says that there is no Secret Service, which is not the same as no secret', async () => {
      const address = process.env['DBUS_SESSION_BUS_ADDRESS']
      process.env['DBUS_SESSION_BUS_ADDRESS'] = `unix:path=${folder}/nobody`
      const error = await createSecretStore('secret-service', 'x')
        .read('token')
        .catch((reason: unknown) => reason)
      process.env['DBUS_SESSION_BUS_ADDRESS'] = address
      expect(error).to.include({ code: 'SECRET_SERVICE_FAILED' })
    })
  })

  it('S8 a secret store leaves nothing of itself in a log', async () => {
    expect(JSON.stringify({ token: new Secret(TOKEN) }) + String(new Secret(TOKEN))).not.to.contain(TOKEN)
    expect(await readFile('/proc/self/cmdline', 'utf8')).not.to.contain(TOKEN)
  })
})

/** Command lines of every process on this machine. */
const commandLines = (): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')]
      } catch {
        return [] // it has ended
      }
    })
