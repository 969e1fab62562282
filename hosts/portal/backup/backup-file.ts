import { createHash, type Hash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { link, open, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { z } from 'zod'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { RawRow } from '../store/whole-database.ts'

// A backup is a gzip file of lines of JSON: a header, a pair of table and row for each row, and an end with the number of
// rows and the SHA-256 of all lines before it. It is the same for SQLite and PostgreSQL.

const FORMAT = 'portreeve-portal-backup'

/** First line of a backup. */
export const BackupHeader = z.object({
  format: z.literal(FORMAT),
  /** Layout of the file. */
  layout: z.literal(1),
  /** Version of Portreeve that made it. */
  version: z.string(),
  /** Name and number of the last migration of the database that it was made of. */
  schema: z.string(),
  schema_number: z.int(),
  accounts: z.int(),
  /** Database system that it was made of; it can be restored to either. */
  database: z.enum(['sqlite', 'pg']),
  /** When it was made (RFC 3339). */
  made_at: z.string(),
})
export type BackupHeader = z.infer<typeof BackupHeader>

const End = z.object({ end: z.object({ rows: z.record(z.string(), z.int()), sha256: z.string() }) })

/** Line of a backup for one row. */
const Line = z.tuple([z.string(), z.record(z.string(), z.unknown())])

/** Rows of a table, some at a time. */
export interface TableRows {
  table: string
  rows: readonly RawRow[]
}

/** Result of writing or verifying a backup. */
export interface BackupSummary {
  header: BackupHeader
  /** Number of rows by table. */
  rows: Record<string, number>
  /** SHA-256 of the content, hexadecimal. */
  sha256: string
}

/**
 * Writes a backup, mode 0600, which appears under its name only when it is whole.
 * @throws OperatorError BACKUP_EXISTS if there is a file of that name
 */
export const writeBackup = async (
  path: string,
  about: Omit<BackupHeader, 'format' | 'layout'>,
  content: AsyncIterable<TableRows>,
): Promise<BackupSummary> => {
  const header: BackupHeader = { format: FORMAT, layout: 1, ...about }
  const hash = createHash('sha256')
  const rows: Record<string, number> = {}
  const part = `${path}.part`
  await rm(part, { force: true })
  try {
    let sha256 = ''
    const lines = async function* () {
      yield hashed(hash, textOf(header))
      for await (const { table, rows: some } of content) {
        rows[table] = (rows[table] ?? 0) + some.length
        yield hashed(hash, some.map((row) => textOf([table, row])).join(''))
      }
      sha256 = hash.digest('hex')
      yield textOf({ end: { rows, sha256 } })
    }
    await pipeline(Readable.from(lines()), createGzip(), createWriteStream(part, { mode: 0o600, flags: 'wx' }))
    await synced(part)
    await link(part, path)
    return { header, rows, sha256 }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new OperatorError('BACKUP_EXISTS', `${path} is there already.`, 'Give the backup another name.')
  } finally {
    await rm(part, { force: true })
  }
}

/**
 * Reads a backup to its end and verifies it. `look` is shown each row.
 * @throws OperatorError BACKUP_UNREADABLE, BACKUP_DAMAGED
 */
export const verifyBackup = async (
  path: string,
  look: (table: string, row: RawRow) => void = () => undefined,
): Promise<BackupSummary> => {
  const hash = createHash('sha256')
  const rows: Record<string, number> = {}
  let header: BackupHeader | undefined
  let end: z.infer<typeof End>['end'] | undefined
  for await (const line of linesOf(path)) {
    if (end !== undefined) throw damaged(path, 'it goes on after its end')
    if (header === undefined) header = headerOf(path, line)
    else if (line.startsWith('{')) {
      ;({ end } = parsed(path, End, line))
      break
    } else {
      const [table, row] = parsed(path, Line, line)
      rows[table] = (rows[table] ?? 0) + 1
      look(table, row)
    }
    hash.update(`${line}\n`)
  }
  if (header === undefined) throw damaged(path, 'it is empty')
  if (end === undefined) throw damaged(path, 'its end is missing')
  const sha256 = hash.digest('hex')
  if (sha256 !== end.sha256) throw damaged(path, 'its checksum is wrong')
  return { header, rows, sha256 }
}

/** Reads the rows of a backup that was verified, some at a time, in the order in which they may be written. */
export const readBackup = async function* (path: string, atATime: number): AsyncGenerator<TableRows> {
  let isHeader = true
  let held: { table: string; rows: RawRow[] } | undefined
  for await (const line of linesOf(path)) {
    if (isHeader) {
      isHeader = false
      continue
    }
    if (line.startsWith('{')) break
    const [table, row] = parsed(path, Line, line)
    if (held !== undefined && (held.table !== table || held.rows.length >= atATime)) {
      yield held
      held = undefined
    }
    held ??= { table, rows: [] }
    held.rows.push(row)
  }
  if (held !== undefined) yield held
}

const linesOf = async function* (path: string): AsyncGenerator<string> {
  const file = createReadStream(path)
  const text = createGunzip()
  let failed: Error | undefined
  const done = pipeline(file, text).catch((error: unknown) => {
    failed = error as Error
  })
  const lines = createInterface({ input: text, crlfDelay: Infinity })
  try {
    yield* lines
    await done
  } catch (error) {
    failed ??= error as Error
  } finally {
    file.destroy()
    text.destroy()
  }
  if (failed === undefined) return
  const { code = '', message } = failed as NodeJS.ErrnoException
  if (failed instanceof OperatorError) throw failed
  if (code.startsWith('Z_')) throw damaged(path, message)
  throw new OperatorError('BACKUP_UNREADABLE', `The backup ${path} cannot be read: ${code === '' ? message : code}.`)
}

const headerOf = (path: string, line: string): BackupHeader => {
  const found = BackupHeader.safeParse(jsonOf(line))
  if (found.success) return found.data
  throw new OperatorError('BACKUP_FOREIGN', `${path} is no backup of a portal that this version can read.`)
}

const parsed = <T>(path: string, schema: z.ZodType<T>, line: string): T => {
  const found = schema.safeParse(jsonOf(line))
  if (found.success) return found.data
  throw damaged(path, 'it has a line that is none of a backup')
}

const jsonOf = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

const damaged = (path: string, why: string): OperatorError =>
  new OperatorError(
    'BACKUP_DAMAGED',
    `The backup ${path} is damaged: ${why}.`,
    'Nothing was changed. Take another backup, or copy this one again.',
  )

const textOf = (value: unknown): string => `${JSON.stringify(value)}\n`

const hashed = (hash: Hash, text: string): string => {
  hash.update(text)
  return text
}

const synced = async (path: string): Promise<void> => {
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
