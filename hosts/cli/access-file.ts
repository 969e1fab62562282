// Reads an access file: YAML, of which JSON is a part, with secrets by reference.
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { LineCounter, parseDocument, type Document } from 'yaml'
import { OperatorError } from '../../core/config/operator-error.ts'
import { FolderSecretFiles } from '../runtime/secret-file.ts'

/** Longest access file, as much as a portal takes. */
const MAX_BYTES = 4 * 1_048_576
/** Aliases that may be repeated in a file before it counts as one that unfolds without end. */
const MAX_ALIASES = 100

/** An access file as it is sent to a portal, and where its parts stand. */
export interface ReadAccessFile {
  content: Readonly<Record<string, unknown>>
  /** Returns the place of a part, such as `resources[2].address`, as `access.yaml:14`; undefined if it has none. */
  placeOf: (path: string) => string | undefined
}

/**
 * Reads an access file, `-` for standard input, and puts secrets in place of references: `{ from_env: NAME }`, and
 * `{ from_file: PATH }`, which begins at the folder of the access file and names a file of mode 0600.
 * @throws OperatorError ACCESS_FILE_UNREADABLE, ACCESS_FILE_SYNTAX, SECRET_MISSING, SECRET_FILE_…
 */
export const readAccessFile = async (path: string, env: NodeJS.ProcessEnv): Promise<ReadAccessFile> => {
  const text = await textOf(path)
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: false })
  const [problem] = [...document.errors, ...document.warnings]
  // The message may quote a secret that stands in the file, so only the place and the code are told.
  if (problem !== undefined) throw syntax(path, `${problem.code} in line ${lines.linePos(problem.pos[0]).line}`)
  const content = dataOf(document, path)
  const folder = path === '-' ? process.cwd() : dirname(path)
  return {
    content: (await withSecrets(content, { env, files: new FolderSecretFiles(folder) })) as Record<string, unknown>,
    placeOf: (part) => placeIn(document, { part, path, lines }),
  }
}

const textOf = async (path: string): Promise<string> => {
  if (path === '-') return standardInput()
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new OperatorError('ACCESS_FILE_UNREADABLE', `${path} cannot be read: ${error.code ?? error.message}.`)
  })
  try {
    const { size } = await file.stat()
    if (size > MAX_BYTES) throw tooLong(path)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

const standardInput = async (): Promise<string> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer)
    length += (chunk as Buffer).length
    if (length > MAX_BYTES) throw tooLong('standard input')
  }
  return Buffer.concat(chunks).toString('utf8')
}

const tooLong = (path: string): OperatorError =>
  new OperatorError('ACCESS_FILE_UNREADABLE', `${path} is longer than ${MAX_BYTES / 1_048_576} MiB.`)

const syntax = (path: string, why: string): OperatorError =>
  new OperatorError('ACCESS_FILE_SYNTAX', `${path} is no YAML: ${why}.`)

const dataOf = (document: Document.Parsed, path: string): Readonly<Record<string, unknown>> => {
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES })
  } catch (error) {
    throw syntax(path, error instanceof ReferenceError ? 'its aliases unfold without end' : 'it cannot be unfolded')
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw syntax(path, 'it has to be a map of sections, such as `sites:`')
}

interface Sources {
  env: NodeJS.ProcessEnv
  files: FolderSecretFiles
}

/** Returns a value with secrets in place of references, at any depth. */
const withSecrets = async (value: unknown, sources: Sources): Promise<unknown> => {
  if (Array.isArray(value)) return Promise.all(value.map(async (each) => withSecrets(each, sources)))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  const [[key, name] = []] = entries
  if (entries.length === 1 && typeof name === 'string') {
    if (key === 'from_env') return fromEnvironment(name, sources.env)
    if (key === 'from_file') return (await sources.files.read({ path: name, name: 'the secret file' })).reveal()
  }
  const members = entries.map(async ([member, inner]) => [member, await withSecrets(inner, sources)] as const)
  return Object.fromEntries(await Promise.all(members))
}

const fromEnvironment = (name: string, env: NodeJS.ProcessEnv): string => {
  const value = env[name]
  if (value !== undefined && value !== '') return value
  throw new OperatorError('SECRET_MISSING', `the environment variable ${name} is not set.`)
}

/** Finds the line of a part, or of the nearest one around it. */
const placeIn = (
  document: Document.Parsed,
  { part, path, lines }: { part: string; path: string; lines: LineCounter },
): string | undefined => {
  const keys = [...part.matchAll(/([\w-]+)|\[(\d+)\]/g)].map(([, name, index]) =>
    index === undefined ? (name ?? '') : Number(index),
  )
  for (let length = keys.length; length > 0; length--) {
    const node = document.getIn(keys.slice(0, length), true) as { range?: readonly number[] | null } | undefined
    const [at] = node?.range ?? []
    if (at !== undefined) return `${path}:${lines.linePos(at).line}`
  }
  return undefined
}
