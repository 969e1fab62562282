import type { Knex } from 'knex'
import { OperatorError } from '../../../core/config/operator-error.ts'
import * as first from './migrations/0001-first.ts'
import * as signInRecords from './migrations/0002-sign-in-records.ts'
import * as policyDepth from './migrations/0003-policy-depth.ts'
import * as sessionsAndCodes from './migrations/0004-sessions-and-codes.ts'
import * as auditByActor from './migrations/0005-audit-by-actor.ts'
import * as publicKeyIndex from './migrations/0006-public-key-index.ts'
import * as keyCheck from './migrations/0007-key-check.ts'
import * as whatSignInsRestOn from './migrations/0008-what-sign-ins-rest-on.ts'
import * as deviceKeys from './migrations/0009-device-keys.ts'
import * as emergencyTokens from './migrations/0010-emergency-tokens.ts'
import * as resolverSettings from './migrations/0011-resolver-settings.ts'
import * as signInStatements from './migrations/0012-sign-in-statements.ts'
import * as keySpelling from './migrations/0013-key-spelling.ts'
import * as ephemeralGateways from './migrations/0014-ephemeral-gateways.ts'
import * as roles from './migrations/0015-roles.ts'
import * as lists from './migrations/0016-lists.ts'
import * as idempotencyKeys from './migrations/0017-idempotency-keys.ts'
import * as addressRanges from './migrations/0018-address-ranges.ts'
import * as updatedAt from './migrations/0019-updated-at.ts'
import * as pagePreferences from './migrations/0020-page-preferences.ts'
import * as accessFileRows from './migrations/0021-access-file-rows.ts'

interface Migration {
  name: string
  migration: Knex.Migration
}

/** Migrations in the order in which they run. A released migration is never edited. */
const MIGRATIONS: readonly Migration[] = [
  { name: '0001-first', migration: first },
  { name: '0002-sign-in-records', migration: signInRecords },
  { name: '0003-policy-depth', migration: policyDepth },
  { name: '0004-sessions-and-codes', migration: sessionsAndCodes },
  { name: '0005-audit-by-actor', migration: auditByActor },
  { name: '0006-public-key-index', migration: publicKeyIndex },
  { name: '0007-key-check', migration: keyCheck },
  { name: '0008-what-sign-ins-rest-on', migration: whatSignInsRestOn },
  { name: '0009-device-keys', migration: deviceKeys },
  { name: '0010-emergency-tokens', migration: emergencyTokens },
  { name: '0011-resolver-settings', migration: resolverSettings },
  { name: '0012-sign-in-statements', migration: signInStatements },
  { name: '0013-key-spelling', migration: keySpelling },
  { name: '0014-ephemeral-gateways', migration: ephemeralGateways },
  { name: '0015-roles', migration: roles },
  { name: '0016-lists', migration: lists },
  { name: '0017-idempotency-keys', migration: idempotencyKeys },
  { name: '0018-address-ranges', migration: addressRanges },
  { name: '0019-updated-at', migration: updatedAt },
  { name: '0020-page-preferences', migration: pagePreferences },
  { name: '0021-access-file-rows', migration: accessFileRows },
]

export const migrationSource: Knex.MigrationSource<Migration> = {
  getMigrations: async () => Promise.resolve([...MIGRATIONS]),
  getMigrationName: ({ name }) => name,
  getMigration: async ({ migration }) => Promise.resolve(migration),
}

/**
 * Refuses a database that a newer version has used: its tables may mean what this version does not know.
 * @throws OperatorError DATABASE_NEWER
 */
export const refuseNewerSchema = async (knex: Knex): Promise<void> => {
  if (!(await knex.schema.hasTable('knex_migrations'))) return
  const known = new Set(MIGRATIONS.map(({ name }) => name))
  const found = (await knex('knex_migrations').orderBy('id').select('name')) as { name: string }[]
  const newer = found.map(({ name }) => name).filter((name) => !known.has(name))
  if (newer.length === 0) return
  throw new OperatorError(
    'DATABASE_NEWER',
    `The database was used by a newer version of Portreeve, with the schema ${newer.at(-1)}.`,
    'Install that version, or restore the backup that was made before the upgrade: portreeve portal restore FILE --force',
  )
}
