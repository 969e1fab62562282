import { createHash } from 'node:crypto'
import { copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { backUpPortal } from '../../../hosts/portal/back-up.ts'
import { PortalConfig, type PortalStart } from '../../../hosts/portal/config.ts'
import { initPortal, startPortal } from '../../../hosts/portal/main.ts'
import { restorePortal, type PortalRestore } from '../../../hosts/portal/restore.ts'
import { createPluginModules } from '../../../hosts/runtime/plugin-modules.ts'
import { writeMigratedDatabase } from '../../kit/migrated-database.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'
import { Postgres } from '../../kit/postgres.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'

type Ending = { stop: () => Promise<void> }

describe('a backup of a portal', function () {
  this.timeout(2 * PATIENCE_MS)
  let folder: string
  let running: { url: string; stop: () => Promise<void>; options: PortalStart }
  let token: string
  let file: string
  let keyFile: string
  let count = 0
  const open: Ending[] = []

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portreeve-backup-'))
    file = join(folder, 'portal.gz')
    keyFile = join(folder, 'key')
    const options = another()
    await writeMigratedDatabase(join(folder, '1.sqlite'))
    ;({ token } = await initPortal({ ...options, account: 'example', adminEmail: 'ada@example.org' }))
    running = { ...(await started(options)), options }
    expect(await post(running, 'sites', { name: 'Berlin' })).to.equal(201)
    await backUpPortal({ ...options, file, keyFile })
    expect(await post(running, 'sites', { name: 'Later' })).to.equal(201)
  })
  after(async () => {
    for (const { stop } of open) await stop()
    await rm(folder, { recursive: true, force: true })
  })

  /** Options of another portal, whose database is not there yet. */
  const another = (config: object = {}): PortalStart => {
    const name = String(++count)
    return {
      config: PortalConfig.parse({
        listen: { port: 0 },
        state_folder: join(folder, count === 1 ? '.' : name),
        database: { file: `${name}.sqlite` },
        plugins: [{ use: 'builtin:selector-random' }],
        ...config,
      }),
      modules: createPluginModules(join(folder, 'portal.yaml')),
      version: '0.1.0-test',
      logger: new RecordingLogger(),
    }
  }

  const started = async (options: PortalStart): Promise<{ url: string; stop: () => Promise<void> }> => {
    const portal = await startPortal(options)
    open.push(portal)
    return portal
  }

  const call = (target: { url: string }, path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${target.url}/api/v1/${path}`, {
      ...init,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    })

  const post = async (target: { url: string }, path: string, body: object): Promise<number> =>
    (await call(target, path, { method: 'POST', body: JSON.stringify(body) })).status

  const sites = async (target: { url: string }): Promise<string[]> => {
    const { data } = (await (await call(target, 'sites')).json()) as { data: { name: string }[] }
    return data.map(({ name }) => name)
  }

  /** Returns the code of the error that a restore ends with; `restored` without one. */
  const codeOf = (options: PortalRestore): Promise<string> =>
    restorePortal(options).then(
      () => 'restored',
      (error: unknown) => (error as { code?: string }).code ?? String(error),
    )

  it('a backup and its key, made beside the running portal, are for their owner only, and replace nothing', async () => {
    for (const path of [file, keyFile]) expect((await stat(path)).mode & 0o777, path).to.equal(0o600)
    const again = await backUpPortal({ ...running.options, file }).catch((error: unknown) => error)
    expect(again).to.have.property('code', 'BACKUP_EXISTS')
  })

  it('a restored portal has everything of the moment of the backup, tokens included, and nothing later', async () => {
    const options = another()
    const { header } = await restorePortal({ ...options, file, keyFile })
    expect(header).to.include({ accounts: 1, database: 'sqlite', version: '0.1.0-test' })
    const restored = await started(options)
    expect(await sites(restored)).to.deep.equal(['Berlin'])
    expect(await post(restored, 'sites', { name: 'Paris' })).to.equal(201)
  })

  it('a restore needs the key that the backup was made with', async () => {
    const options = another()
    expect(await codeOf({ ...options, file })).to.equal('BACKUP_KEY_MISSING')
    const other = join(folder, 'other-key')
    await writeFile(other, 'ab'.repeat(32), { mode: 0o600 })
    expect(await codeOf({ ...options, file, keyFile: other })).to.equal('BACKUP_KEY_OTHER')
    expect(await codeOf({ ...options, file, keyFile, isOnlyCheck: true })).to.equal('restored')
  })

  it('a database with accounts is replaced by force only, and that of a running portal not at all', async () => {
    const options = { ...running.options, file }
    expect(await codeOf(options)).to.equal('DATABASE_NOT_EMPTY')
    expect(await codeOf({ ...options, force: true })).to.equal('DATABASE_IN_USE')
    expect(await sites(running)).to.have.members(['Berlin', 'Later'])
    const copy = another()
    await backUpPortal({ ...running.options, file: join(folder, 'later.gz') })
    await restorePortal({ ...copy, file: join(folder, 'later.gz'), keyFile })
    // Closed within this process, SQLite keeps a database open until garbage is collected: its copy is free.
    const replaced = another({ state_folder: copy.config.state_folder })
    const fileOf = ({ config: { state_folder: state, database } }: PortalStart): string =>
      join(state, database.driver === 'sqlite' ? database.file : '')
    await copyFile(fileOf(copy), fileOf(replaced))
    expect(await codeOf({ ...replaced, file })).to.equal('DATABASE_NOT_EMPTY')
    await copyFile(fileOf(copy), `${fileOf(replaced)}-2`)
    const forced = another({ state_folder: copy.config.state_folder, database: { file: `${count}.sqlite-2` } })
    expect(await codeOf({ ...forced, file, force: true })).to.equal('restored')
    expect(await sites(await started(forced))).to.deep.equal(['Berlin'])
  })

  for (const [what, code, change] of [
    ['a changed letter', 'BACKUP_DAMAGED', (text: string) => text.replace('Berlin', 'Verlin')],
    ['a missing end', 'BACKUP_DAMAGED', (text: string) => text.slice(0, text.lastIndexOf('{"end"'))],
    [
      'a newer schema',
      'BACKUP_NEWER',
      (text: string) => signed(text.replace(/"schema":"[^"]*"/, '"schema":"0999-later"')),
    ],
    ['something else', 'BACKUP_FOREIGN', () => 'hello\n'],
  ] as const) {
    it(`a backup with ${what} is refused before anything is touched`, async () => {
      const options = another()
      const odd = join(folder, `${what}.gz`)
      await writeFile(odd, gzipSync(change(gunzipSync(await readFile(file)).toString())))
      expect(await codeOf({ ...options, file: odd, keyFile, force: true })).to.equal(code)
      const touched = await stat(options.config.state_folder).catch(() => undefined)
      expect(touched).to.equal(undefined)
    })
  }

  it('half a backup is refused', async () => {
    const whole = await readFile(file)
    const half = join(folder, 'half.gz')
    await writeFile(half, whole.subarray(0, whole.length / 2))
    expect(await codeOf({ ...another(), file: half, keyFile })).to.equal('BACKUP_DAMAGED')
  })

  it('a backup of SQLite is restored to PostgreSQL, and one of that to SQLite', async function () {
    const postgres = await Postgres.shared(this)
    const options = another({ database: { driver: 'pg', ...(await postgres.newDatabase()) } })
    await restorePortal({ ...options, file, keyFile })
    const onPostgres = await started(options)
    expect(await post(onPostgres, 'sites', { name: 'Paris' })).to.equal(201)
    expect(await codeOf({ ...options, file, force: true })).to.equal('DATABASE_IN_USE')
    const made = join(folder, 'from-postgres.gz')
    expect((await backUpPortal({ ...options, file: made })).header.database).to.equal('pg')
    const back = another()
    await restorePortal({ ...back, file: made, keyFile })
    const onSqlite = await started(back)
    expect(await sites(onSqlite)).to.have.members(['Berlin', 'Paris'])
    expect((await call(onSqlite, 'audit_log')).status).to.equal(200)
  })
})

/** Gives a changed backup the checksum that it would have. */
const signed = (text: string): string => {
  const at = text.lastIndexOf('{"end"')
  const sha256 = createHash('sha256').update(text.slice(0, at)).digest('hex')
  return text.slice(0, at) + text.slice(at).replace(/"sha256":"[^"]*"/, `"sha256":"${sha256}"`)
}
