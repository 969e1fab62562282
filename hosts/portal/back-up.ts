import { writeFile } from 'node:fs/promises'
import { OperatorError } from '../../core/config/operator-error.ts'
import { toHex } from '../../core/crypto/text-encoding.ts'
import { HOUR } from '../../core/runtime/time.ts'
import { createClock, createLogger, createRandom } from '../runtime/index.ts'
import { writeBackup, type BackupSummary, type TableRows } from './backup/backup-file.ts'
import type { PortalStart } from './config.ts'
import { findSecretKey } from './identity/secret-key.ts'
import { databaseOf, requireDatabase } from './open-rows.ts'
import type { Dialect } from './store/dialect.ts'
import { openDialect } from './store/open-dialect.ts'
import { keptTables, knownSchemas, schemaOf } from './store/whole-database.ts'

/** Opens the configured database as it is, without migrating it, for work that may take long. */
export const openWholeDatabase = async ({
  config,
  environment = {},
  clock = createClock(),
  random = createRandom(),
  logger = createLogger({ name: 'portal', level: config.log_level }),
}: PortalStart): Promise<Dialect> => {
  const database = await databaseOf(config, environment)
  const unhurried = database.driver === 'pg' ? { ...database, silenceMs: HOUR } : database
  return openDialect(unhurried, { clock, random, logger })
}

/**
 * Writes a backup of the database of one moment, while the portal runs, and with `keyFile` the secret key to a file of
 * its own, mode 0600.
 * @throws OperatorError DATABASE_MISSING …, BACKUP_EXISTS, SECRET_KEY_MISSING
 */
export const backUpPortal = async (
  options: PortalStart & { file: string; keyFile?: string | undefined },
): Promise<BackupSummary> => {
  const { config, version, environment = {}, clock = createClock(), file, keyFile } = options
  await requireDatabase(config)
  if (keyFile !== undefined) {
    const key = await findSecretKey({ directory: config.state_folder, environment })
    if (key === undefined) {
      throw new OperatorError('SECRET_KEY_MISSING', `There is no secret key in ${config.state_folder}.`)
    }
    await writeFile(keyFile, `${toHex(key)}\n`, { mode: 0o600, flag: 'wx' })
  }
  const dialect = await openWholeDatabase(options)
  try {
    return await dialect.whole.snapshot(async (transaction) => {
      const schema = await schemaOf(transaction)
      if (schema === undefined) {
        throw new OperatorError(
          'DATABASE_EMPTY',
          'There is nothing to back up: the database has no tables of a portal.',
        )
      }
      const tables = keptTables(await dialect.whole.tables(transaction))
      const [{ count = 0 } = {}] = (await transaction('accounts').count({ count: '*' })) as {
        count?: number | string
      }[]
      const content = async function* (): AsyncGenerator<TableRows> {
        for (const table of tables) {
          for await (const rows of dialect.whole.rows(transaction, table)) yield { table, rows }
        }
      }
      const about = {
        version,
        schema,
        schema_number: (await knownSchemas()).indexOf(schema) + 1,
        accounts: Number(count),
        database: config.database.driver,
        made_at: new Date(clock.unix()).toISOString(),
      }
      return writeBackup(file, about, content())
    })
  } catch (error) {
    throw dialect.operatorErrorOf(error)
  } finally {
    await dialect.close()
  }
}
