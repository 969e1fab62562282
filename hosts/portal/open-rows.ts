import { mkdir, open, readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import type { Random } from '../../core/runtime/random.ts'
import type { PortalConfig } from './config.ts'
import { derivedKey, loadSecretKey } from './secret-key.ts'
import type { DatabaseConfig } from './store/dialect.ts'
import { KnexStore } from './store/knex-store.ts'
import type { Store } from './store/store.ts'
import { Tokens } from './tokens.ts'

export interface Rows {
  store: Store
  tokens: Tokens
  /** The portal's secret. */
  key: Uint8Array
}

/** Opens what is in the state folder: the database and the secret key, and the tokens that need both. */
export const openRows = async (options: {
  config: PortalConfig
  environment?: Readonly<Record<string, string | undefined>>
  clock: Clock
  random: Random
}): Promise<Rows> => {
  const { config, environment = {}, clock, random } = options
  const { state_folder: directory } = config
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const key = await loadSecretKey({ directory, environment, random })
  const store = await KnexStore.open({ database: await databaseOf(config, environment), clock, random })
  return { store, tokens: new Tokens({ store, key: derivedKey(key, 'tokens'), clock, random }), key }
}

type Environment = Readonly<Record<string, string | undefined>>

const databaseOf = async (
  { database, state_folder: directory }: PortalConfig,
  environment: Environment,
): Promise<DatabaseConfig> => {
  if (database.driver === 'pg') {
    const { password_file: path, ...rest } = database
    const given = environment['PORTREEVE_DATABASE_PASSWORD']
    if (given !== undefined && given !== '') return { ...rest, password: () => Promise.resolve(given) }
    return { ...rest, password: path === undefined ? undefined : () => readPassword(resolve(directory, path)) }
  }
  const file = database.file === ':memory:' ? database.file : resolve(directory, database.file)
  // It has providers' secrets and keys: for nobody else to read, also where the folder was there before.
  if (file !== ':memory:') await (await open(file, 'a', 0o600)).close()
  return { driver: database.driver, file }
}

const readPassword = async (path: string): Promise<string> => {
  const { mode } = await stat(path)
  if ((mode & 0o077) !== 0) {
    throw new OperatorError('PASSWORD_FILE_MODE', `others may read ${path}.`, `Run: chmod 600 ${path}`)
  }
  return (await readFile(path, 'utf8')).trimEnd()
}
