import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { packageRoot } from './source-tree.ts'

/** Unpacks this package, as it is published, into a folder's node_modules, beside links to its dependencies. Returns where it is. */
export const installPackedProduct = async (folder: string): Promise<string> => {
  const installed = join(folder, 'node_modules/portreeve')
  mkdirSync(installed, { recursive: true })
  await promisify(execFile)('tar', ['-xzf', await (archive ??= pack()), '-C', installed, '--strip-components=1'])
  const { dependencies } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  linkPackages(folder, Object.keys(dependencies))
  return installed
}

/** Links packages that this one has installed into a folder's node_modules. */
export const linkPackages = (folder: string, names: readonly string[]): void => {
  for (const name of names) {
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(packageRoot(), 'node_modules', name), link)
  }
}

/** Path of the archive, which each process packs once. */
let archive: Promise<string> | undefined

const pack = async (): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), 'portreeve-packed-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const parameters = ['pack', '--ignore-scripts', '--pack-destination', folder]
  await promisify(execFile)('npm', parameters, { cwd: packageRoot(), timeout: 200_000 })
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '')
}
