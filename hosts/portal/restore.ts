import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'
import { equalSecrets } from '../../core/crypto/equal-secrets.ts'
import { toHex } from '../../core/crypto/text-encoding.ts'
import { giveToFolderOwner } from '../runtime/folder-owner.ts'
import { openWholeDatabase } from './back-up.ts'
import { readBackup, verifyBackup, type BackupSummary } from './backup/backup-file.ts'
import type { PortalStart } from './config.ts'
import { derivedKey, findSecretKey, readSecretKey } from './identity/secret-key.ts'
import {
  dropTables,
  keptTables,
  knownSchemas,
  migrateTo,
  migrateToLatest,
  type RawRow,
} from './store/whole-database.ts'
import type { Knex } from 'knex'

/** Rows that one statement inserts: SQLite takes 32766 values, and no table has more than 60 columns. */
const ROWS_PER_INSERT = 100

export interface PortalRestore extends PortalStart {
  file: string
  /** File with the secret key, as the backup made it; by default the key that this portal has. */
  keyFile?: string | undefined
  /** Whether to replace what the database has, and another secret key. */
  force?: boolean
  /** Whether to verify the backup only. */
  isOnlyCheck?: boolean
}

/**
 * Puts a backup into the database, which must be empty unless `force` is set: everything, or nothing if anything fails.
 * Rows of an older version are migrated.
 * @throws OperatorError BACKUP_DAMAGED, BACKUP_NEWER, BACKUP_KEY_OTHER, BACKUP_KEY_MISSING, DATABASE_NOT_EMPTY, DATABASE_IN_USE
 */
export const restorePortal = async (options: PortalRestore): Promise<BackupSummary> => {
  const { file, version, force = false, isOnlyCheck = false } = options
  let keyCheck: string | undefined
  const summary = await verifyBackup(file, (table, row) => {
    if (table === 'key_check') keyCheck = String(row['value'])
  })
  const { schema, version: maker } = summary.header
  if (!(await knownSchemas()).includes(schema)) {
    throw new OperatorError(
      'BACKUP_NEWER',
      `The backup is of version ${maker} with the schema ${schema}, which this version, ${version}, does not know.`,
      `Nothing was changed. Install ${maker} or a later version, and restore with that.`,
    )
  }
  const key = await keyFor(options, keyCheck)
  if (isOnlyCheck) return summary
  await mkdir(options.config.state_folder, { recursive: true, mode: 0o700 })
  await key.prepare()
  const dialect = await openWholeDatabase(options)
  const { whole } = dialect
  const needEmptyIn = async (transaction: Knex.Transaction): Promise<void> =>
    force ? undefined : needEmpty(transaction, await whole.tables(transaction))
  try {
    await whole.snapshot(needEmptyIn)
    await whole.alone(async (transaction) => {
      await needEmptyIn(transaction)
      await dropTables(transaction, await whole.tables(transaction))
      await migrateTo(transaction, schema)
      const tables = new Set(keptTables(await whole.tables(transaction)))
      for await (const { table, rows } of readBackup(file, ROWS_PER_INSERT)) {
        if (!tables.has(table)) throw new OperatorError('BACKUP_FOREIGN', `The backup has an unknown table: ${table}.`)
        await transaction(table).insert(rows.map((row: RawRow) => row))
      }
      await migrateToLatest(transaction)
    })
    await key.keep()
    return summary
  } catch (error) {
    await key.leave()
    throw dialect.operatorErrorOf(error)
  } finally {
    await dialect.close()
  }
}

const needEmpty = async (transaction: Knex.Transaction, tables: readonly string[]): Promise<void> => {
  if (!tables.includes('accounts')) return
  const rows = (await transaction('accounts').select('slug')) as { slug: string }[]
  if (rows.length === 0) return
  throw new OperatorError(
    'DATABASE_NOT_EMPTY',
    `The database has ${rows.length === 1 ? 'an account' : `${rows.length} accounts`} already: ${rows.map(({ slug }) => slug).join(', ')}.`,
    'Nothing was changed. --force replaces all of it; make a backup of it first.',
  )
}

/** Steps by which the secret key of a backup comes into the state folder. */
interface KeyInPlace {
  prepare: () => Promise<void>
  keep: () => Promise<void>
  leave: () => Promise<void>
}

/** Finds the secret key that the backup is used with, and checks it by the backup's own value. */
const keyFor = async (
  { config, environment = {}, keyFile, force = false }: PortalRestore,
  keyCheck: string | undefined,
): Promise<KeyInPlace> => {
  const nothing = { prepare: none, keep: none, leave: none }
  const isRight = (key: Uint8Array): boolean =>
    keyCheck === undefined || equalSecrets(toHex(derivedKey(key, 'key-check')), keyCheck)
  const own = await findSecretKey({ directory: config.state_folder, environment })
  if (keyFile === undefined) {
    if (own !== undefined && isRight(own)) return nothing
    if (keyCheck === undefined) return nothing
    throw new OperatorError(
      'BACKUP_KEY_MISSING',
      own === undefined
        ? 'This portal has no secret key, and the backup is of no use without the one that it was made with.'
        : 'The secret key of this portal is not the one that the backup was made with.',
      'Nothing was changed. Name the key’s file (portreeve portal backup --with-key made it): --key FILE',
    )
  }
  const given = await readSecretKey(keyFile)
  if (!isRight(given)) {
    throw new OperatorError('BACKUP_KEY_OTHER', `${keyFile} is not the key that the backup was made with.`)
  }
  if (own !== undefined && equalSecrets(toHex(own), toHex(given))) return nothing
  if (own !== undefined && !force) {
    throw new OperatorError(
      'SECRET_KEY_EXISTS',
      `${config.state_folder} has another secret key.`,
      'Nothing was changed. --force replaces it.',
    )
  }
  const path = join(config.state_folder, 'secret-key')
  const prepared = `${path}.restored`
  return {
    prepare: async () => {
      await rm(prepared, { force: true })
      await writeFile(prepared, toHex(given), { mode: 0o600, flag: 'wx' })
      await giveToFolderOwner(prepared)
    },
    keep: () => rename(prepared, path),
    leave: () => rm(prepared, { force: true }),
  }
}

const none = (): Promise<void> => Promise.resolve()
