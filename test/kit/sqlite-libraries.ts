import { builtInSqlite, type SqliteLibrary } from '../../hosts/portal/store/sqlite-library.ts'

/** Libraries that SQLite can come from on this Node.js. */
export const SQLITE_LIBRARIES: readonly SqliteLibrary[] =
  builtInSqlite() === undefined ? ['package'] : ['node', 'package']
