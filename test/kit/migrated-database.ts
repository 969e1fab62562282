import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KnexStore } from '../../hosts/portal/store/knex-store.ts'
import { loadSqlite } from '../../hosts/portal/store/sqlite-library.ts'
import { createClock, createRandom } from '../../hosts/runtime/index.ts'
import { RecordingLogger } from './recording-logger.ts'

/**
 * Writes an SQLite database with the tables of a new portal. Migrations take most of the time of `initPortal`, and run
 * once in this process.
 */
export const writeMigratedDatabase = async (file: string): Promise<void> =>
  writeFile(file, await (migrated ??= migrate()), { mode: 0o600 })

/** Content of the database's file. */
let migrated: Promise<Buffer> | undefined

const migrate = async (): Promise<Buffer> => {
  const folder = await mkdtemp(join(tmpdir(), 'portreeve-migrated-'))
  const file = join(folder, 'portal.sqlite')
  const copy = join(folder, 'copy.sqlite')
  const ports = { clock: createClock(), random: createRandom(), logger: new RecordingLogger() }
  const store = await KnexStore.open({ database: { driver: 'sqlite', file }, ...ports })
  await store.close()
  const database = new (loadSqlite().DatabaseSync)(file)
  // The file alone would lack what is still in the write-ahead log beside it.
  database.prepare('VACUUM INTO ?').run(copy)
  database.close()
  const content = await readFile(copy)
  await rm(folder, { recursive: true })
  return content
}
