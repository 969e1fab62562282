// Which files of the clone and of node_modules a package needs at run time.
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Dependencies that a package does without: it has the addon compiled, and SQLite is part of the Node.js in it. */
const LEFT_OUT = new Set(['node-gyp', '@photostructure/sqlite'])

/** Folders of the clone, without what only authors and compilers read. */
const FOLDERS = ['dist/core', 'dist/plugins', 'dist/hosts', 'config', 'docs', 'template', 'test/fixture/plugin']
/** Documents and schemas, by package.json's names of what the npm package has. */
const NAMED = /\.(md|ts)$/

/** Files that are no program: types, sources, maps and documents of dependencies; licences stay. */
const USELESS =
  /\.(d\.[mc]?ts|d\.[mc]?ts\.map|[mc]?ts|map|flow|markdown|md|yml|coffee|tgz|html|sh)$|^(\.[a-z].*|Makefile|AUTHORS|CONTRIBUTORS|CHANGES|CHANGELOG|HISTORY)$|^(tsconfig.*|tslint|bower|component)\.json$/i
const LICENCE = /^(licen[cs]e|copying|notice)/i
const USELESS_FOLDERS = new Set(['.github', '.vscode', 'docs', 'example', 'examples', 'test', 'tests', '__tests__', 'benchmark', 'benchmarks', 'coverage']) // prettier-ignore

/**
 * Returns the folders of the npm packages that run in production, `node_modules/koa` for one: those that package.json's
 * dependencies reach, as the lock file has them, without optional ones.
 */
export const productionPackages = (root) => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const found = new Set()
  const visit = (from, names) => {
    for (const name of names) {
      if (from === '' && LEFT_OUT.has(name)) continue
      const path = resolve(packages, from, name)
      if (path === undefined) throw new Error(`package-lock.json has no ${name}, which ${from || 'package.json'} needs`)
      if (found.has(path)) continue
      found.add(path)
      visit(path, Object.keys(packages[path].dependencies ?? {}))
    }
  }
  visit('', Object.keys(packages[''].dependencies))
  return [...found]
    .toSorted(byText)
    .map((path) => ({ path, name: path.replace(/.*node_modules\//, ''), ...packages[path] }))
}

const byText = (a, b) => (a < b ? -1 : 1)

/** Finds a package as Node.js does: in the node_modules of the folder that needs it, else of those around. */
const resolve = (packages, from, name) => {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const path = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`
    if (packages[path] !== undefined) return path
    if (folder === '') return undefined
  }
}

/** Copies what runs in production from the clone into a folder, for one architecture. */
export const copyProduct = ({ root, packages, target }) => {
  for (const folder of FOLDERS) copyFolder(join(root, folder), join(target, folder), keepsOfClone)
  const { files } = manifestOf(root)
  const named = files.filter((name) => NAMED.test(name)).flatMap((name) => matches(root, name))
  for (const file of named) copyFile(join(root, file), join(target, file))
  for (const { path } of packages) copyFolder(join(root, path), join(target, path), keepsOfPackage)
  const { name, version, license, type, exports: doors, devDependencies } = manifestOf(root)
  const manifest = { name, version, license, type, exports: doors, devDependencies }
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
}

export const manifestOf = (root) => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const keepsOfClone = (name, isFolder) => (isFolder ? name !== 'node_modules' : !/\.d\.ts$|\.map$/.test(name))

const keepsOfPackage = (name, isFolder, from) => {
  if (isFolder)
    return (
      name !== 'node_modules' &&
      !name.startsWith('.') &&
      !(USELESS_FOLDERS.has(name) && existsSync(join(from, 'package.json')))
    )
  return LICENCE.test(name) || !USELESS.test(name)
}

/** Returns the files that a name of package.json means, in which a whole folder may be `*`. */
const matches = (root, name) => {
  const [before, after] = name.split('/*/')
  if (after === undefined) return [name]
  return readdirSync(join(root, before))
    .map((folder) => `${before}/${folder}/${after}`)
    .filter((path) => existsSync(join(root, path)))
}

const copyFolder = (from, to, keeps) => {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (!keeps(entry.name, entry.isDirectory(), from)) continue
    if (entry.isDirectory()) copyFolder(source, target, keeps)
    else if (entry.isFile()) copyFile(source, target)
  }
}

const copyFile = (from, to) => {
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to)
}
