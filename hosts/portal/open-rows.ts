import { existsSync } from 'node:fs'
import { mkdir, open, readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'
import { equalSecrets } from '../../core/crypto/equal-secrets.ts'
import { toHex } from '../../core/crypto/text-encoding.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import type { Random } from '../../core/runtime/random.ts'
import { giveToFolderOwner } from '../runtime/folder-owner.ts'
import { createLogger, createTrustedAuthorities } from '../runtime/index.ts'
import { readSecretFile } from '../runtime/secret-file.ts'
import type { PortalConfig } from './config.ts'
import { derivedKey, loadSecretKey } from './identity/secret-key.ts'
import type { AuditedSettings } from './store/audit-trail.ts'
import type { DatabaseConfig, PostgresTls } from './store/dialect.ts'
import { KnexStore } from './store/knex-store.ts'
import { withTranslatedErrors } from './store/translated-errors.ts'
import type { Store } from './store/store.ts'
import { Tokens } from './identity/tokens.ts'

export interface OpenRows {
  store: Store
  tokens: Tokens
  /** The portal's secret key, 32 bytes. */
  key: Uint8Array
}

/**
 * Opens the database and the secret key, and makes the tokens that need both.
 * @throws OperatorError SECRET_KEY_OTHER, and those of the database and the key
 */
export const openRows = async (options: {
  config: PortalConfig
  environment?: Readonly<Record<string, string | undefined>>
  clock: Clock
  random: Random
  /** Log; JSON lines on standard error by default. */
  logger?: Logger
  /** Hides secrets in plugin settings before they are audited; by default hides all settings. */
  auditedSettings?: AuditedSettings
}): Promise<OpenRows> => {
  const { config, environment = {}, clock, random, auditedSettings } = options
  const { logger = createLogger({ name: 'portal', level: config.log_level }) } = options
  const { state_folder: directory } = config
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const key = await loadSecretKey({ directory, environment, random })
  const database = await databaseOf(config, environment)
  const audited = auditedSettings === undefined ? {} : { auditedSettings }
  const opened = await KnexStore.open({ database, clock, random, logger, ...audited })
  await checkKey(opened, key)
  const store = withTranslatedErrors(opened, (error) => opened.unavailability(error))
  return { store, tokens: new Tokens({ store, key: derivedKey(key, 'tokens'), clock, random, logger }), key }
}

/**
 * Checks that a SQLite database exists: a command meant for an existing portal must not create an empty database
 * elsewhere.
 * @throws OperatorError DATABASE_MISSING
 */
export const requireDatabase = async ({ database, state_folder: directory }: PortalConfig): Promise<void> => {
  if (database.driver === 'pg') return
  const file = resolve(directory, database.file)
  await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    const remedy = 'Run this on the portal’s own machine, with its configuration.'
    throw new OperatorError('DATABASE_MISSING', `There is no database ${file}.`, remedy)
  })
}

/**
 * Checks that the secret key is the one used with this database before: with another key all tokens would look forged
 * and all cookies be unreadable, here or in the other portal processes.
 */
const checkKey = async (store: Store, key: Uint8Array): Promise<void> => {
  const ours = toHex(derivedKey(key, 'key-check'))
  try {
    if (equalSecrets(await store.keyCheck(ours), ours)) return
    throw new OperatorError(
      'SECRET_KEY_OTHER',
      'The secret key is not the one that this database is used with.',
      'Give this process the key of the others: PORTREEVE_SECRET_KEY, or a copy of the file secret-key in their state folder.',
    )
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Returns how to open the configured database; makes an SQLite file that is missing. */
export const databaseOf = async (
  { database, state_folder: directory }: PortalConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<DatabaseConfig> => {
  if (database.driver === 'pg') {
    const { password_file: path, tls, ...rest } = database
    const given = environment['PORTREEVE_DATABASE_PASSWORD']
    const isGiven = given !== undefined && given !== ''
    const password = isGiven ? () => Promise.resolve(given) : path === undefined ? undefined : () => passwordIn(path)
    return { ...rest, password, tls: await tlsOf(tls) }
  }
  const file = database.file === ':memory:' ? database.file : resolve(directory, database.file)
  // Readable by the owner only, even in an existing folder: the database has secrets of identity providers and keys.
  if (file !== ':memory:' && !existsSync(file)) {
    await (await open(file, 'a', 0o600)).close()
    await giveToFolderOwner(file)
  }
  return { driver: database.driver, file }
}

const tlsOf = async (
  tls: boolean | { ca_file?: string | undefined; server_name?: string | undefined },
): Promise<PostgresTls | undefined> => {
  if (tls === false) return undefined
  const { ca_file: path, server_name: serverName } = tls === true ? {} : tls
  if (path === undefined) return { ca: [...createTrustedAuthorities().pem()], serverName }
  const ca = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new OperatorError('DATABASE_CA_FILE', `database.tls.ca_file ${path} cannot be read: ${error.message}.`)
  })
  // A file without any certificate would count as an empty list of authorities, and no server would be trusted.
  if (!ca.includes('-----BEGIN CERTIFICATE-----')) {
    throw new OperatorError('DATABASE_CA_FILE', `database.tls.ca_file ${path} holds no certificate in PEM.`)
  }
  return { ca, serverName }
}

const passwordIn = async (path: string): Promise<string> =>
  (await readSecretFile({ path, name: 'database.password_file' })).reveal()
