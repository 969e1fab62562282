import { mkdir, open } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Clock } from '../../core/runtime/clock.ts'
import type { Random } from '../../core/runtime/random.ts'
import type { PortalConfig } from './config.ts'
import { derivedKey, loadSecretKey } from './secret-key.ts'
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
  const { state_folder: directory, database } = config
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const key = await loadSecretKey({ directory, environment, random })
  const file = database.file === ':memory:' ? database.file : resolve(directory, database.file)
  // It has providers' secrets and keys: for nobody else to read, also where the folder was there before.
  if (file !== ':memory:') await (await open(file, 'a', 0o600)).close()
  const store = await KnexStore.open({ database: { driver: database.driver, file }, clock, random })
  return { store, tokens: new Tokens({ store, key: derivedKey(key, 'tokens'), clock, random }), key }
}
