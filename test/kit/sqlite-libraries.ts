import { builtInSqlite, type SqliteLibrary } from '../../hosts/portal/store/sqlite-library.ts'

/** SQLite libraries that this Node.js can load. */
export const SQLITE_LIBRARIES: readonly SqliteLibrary[] =
  builtInSqlite() === undefined ? ['package'] : ['node', 'package']
