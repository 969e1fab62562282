import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const find = (folder: string): string => {
  if (existsSync(join(folder, 'package.json'))) return folder
  const parent = dirname(folder)
  if (parent === folder) throw new Error('this package has lost its package.json')
  return find(parent)
}

/**
 * Returns this package's folder, found by its package.json: compiled files and source are at different depths in it.
 */
export const packageRoot = (): string => find(dirname(fileURLToPath(import.meta.url)))

export const packageVersion = (): string => {
  const manifest = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }
  return manifest.version
}
