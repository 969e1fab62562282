import type { DatabaseConfig, Dialect, DialectPorts } from './dialect.ts'
import { openPostgres } from './dialect-postgres.ts'
import { openSqlite } from './dialect-sqlite.ts'

/** Opens the configured database. */
export const openDialect = (config: DatabaseConfig, ports: DialectPorts): Dialect =>
  config.driver === 'pg' ? openPostgres(config, ports) : openSqlite(config, ports)
