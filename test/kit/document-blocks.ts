import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from './source-tree.ts'

/** Fenced block of a document for operators. */
export interface DocumentBlock {
  /** Name of the document, `backup.md`, and line of the block in it. */
  document: string
  line: number
  language: string
  /** Mark of its fence, after the language: `run`, `parse`, `not-run: why`, `file=/etc/…`. */
  mark: string
  text: string
}

/** Names of the documents for operators. */
export const operatorDocuments = async (): Promise<string[]> =>
  (await readdir(join(packageRoot(), 'docs'))).filter((name) => name.endsWith('.md')).toSorted()

/** Reads the fenced blocks of a document in their order. */
export const blocksOf = async (document: string): Promise<DocumentBlock[]> => {
  const text = await readFile(join(packageRoot(), 'docs', document), 'utf8')
  return [...text.matchAll(/^```(\w+)(?: ([^\n]*))?\n([\s\S]*?)^```$/gm)].map((found) => ({
    document,
    line: text.slice(0, found.index).split('\n').length,
    language: found[1] ?? '',
    mark: found[2] ?? '',
    text: found[3] ?? '',
  }))
}

/** Returns the commands of a block of shell, each on one line. */
export const commandsIn = ({ text }: DocumentBlock): string[] =>
  text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
