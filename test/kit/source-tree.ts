import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Root of the package: the nearest folder above this file that has a package.json. Works from source and from dist. */
export const packageRoot = (): string => {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string }
      if (manifest.name === 'portreeve') return folder
    } catch {
      if (folder === dirname(folder)) throw new Error('not inside the portreeve package')
    }
  }
}

export interface SourceFile {
  /** Path relative to the root, with forward slashes: `core/net/prefix.ts`. */
  path: string
  text: string
  /** Text without comments and contents of strings, to search for names in code. */
  code: string
  imports: readonly SourceImport[]
}

export interface SourceImport {
  specifier: string
  /** Target of the import: a path in the tree, or a package's name (`node:fs`, `koa`, `portreeve`). */
  target: string
  /** Whether the import is `import type` or `export type … from`. */
  typeOnly: boolean
  /** Whether the import is for its side effect: `import 'x'`. */
  bare: boolean
}

/** Reads every TypeScript source file below these folders. */
export const sourceFiles = (folders: readonly string[]): SourceFile[] => {
  const root = packageRoot()
  return folders.flatMap((folder) => walk(join(root, folder)).map((path) => read(root, path)))
}

const walk = (folder: string): string[] => {
  try {
    return readdirSync(folder).flatMap((name) => {
      const path = join(folder, name)
      if (name === 'node_modules' || name === 'fixture') return []
      if (statSync(path).isDirectory()) return walk(path)
      return name.endsWith('.ts') ? [path] : []
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const read = (root: string, absolute: string): SourceFile => {
  const path = relative(root, absolute).split(sep).join('/')
  const text = readFileSync(absolute, 'utf8')
  return { path, text, code: stripped(text), imports: importsOf(path, text) }
}

const STATEMENT =
  /^(?:import|export)\s+(type\s+)?(?:[\w*\s{},$]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm

const importsOf = (path: string, text: string): SourceImport[] =>
  [...withoutComments(text).matchAll(STATEMENT)].map((match) => {
    const specifier = match[2] ?? match[3] ?? ''
    return {
      specifier,
      target: targetOf(path, specifier),
      typeOnly: match[1] !== undefined,
      bare: /^import\s+['"]/.test(match[0]),
    }
  })

const targetOf = (path: string, specifier: string): string => {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(path), specifier))
  if (specifier.startsWith('node:')) return specifier
  const [first = '', second = ''] = specifier.split('/')
  return first.startsWith('@') ? `${first}/${second}` : first
}

const withoutComments = (text: string): string =>
  text
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
    .replaceAll(/(^|[\s;{}(])\/\/.*$/gm, '$1')

const stripped = (text: string): string =>
  withoutComments(text)
    .replaceAll(/'(?:[^'\\\n]|\\.)*'/g, "''")
    .replaceAll(/"(?:[^"\\\n]|\\.)*"/g, '""')
