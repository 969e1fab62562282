// One Debian package: a tree of files, its control files, and the archive, byte for byte the same for the same contents.
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { run } from './steps.mjs'

/**
 * Writes the control files of a package into the tree at `folder`, builds its archive in `out`, and returns its path.
 * @param control fields of the control file, `Description` with its lines; `Installed-Size` is added
 * @param scripts maintainer scripts by name
 */
export const buildDebian = async ({ folder, out, control, conffiles = [], scripts = {}, epoch, compress }) => {
  const meta = join(folder, 'DEBIAN')
  rmSync(meta, { recursive: true, force: true })
  const files = filesBelow(folder).sort()
  const sizes = files.map((path) => Math.max(1, Math.ceil(lstatSync(join(folder, path)).size / 1024)))
  const fields = { ...control, 'Installed-Size': String(sizes.reduce((sum, size) => sum + size, 0)) }
  mkdirSync(meta)
  const text = ORDER.filter((name) => fields[name] !== undefined).map((name) => `${name}: ${fields[name]}`)
  writeFileSync(join(meta, 'control'), `${text.join('\n')}\n`)
  if (conffiles.length > 0) writeFileSync(join(meta, 'conffiles'), `${conffiles.join('\n')}\n`)
  const sums = files.filter((path) => !conffiles.includes(`/${path}`))
  writeFileSync(join(meta, 'md5sums'), sums.map((path) => `${md5(join(folder, path))}  ${path}\n`).join(''))
  normalise(folder, epoch)
  for (const [name, script] of Object.entries(scripts)) writeFileSync(join(meta, name), script, { mode: 0o755 })
  normalise(meta, epoch, { isScript: (path) => Object.hasOwn(scripts, path) })
  utimesSync(folder, epoch, epoch)
  const file = join(out, `${control.Package}_${control.Version}_${control.Architecture}.deb`)
  mkdirSync(out, { recursive: true })
  await run('dpkg-deb', ['--root-owner-group', ...COMPRESSIONS[compress], '--threads-max=1', '--build', folder, file], {
    env: { SOURCE_DATE_EPOCH: String(epoch) },
  })
  return file
}

const ORDER = [
  'Package',
  'Source',
  'Version',
  'Architecture',
  'Maintainer',
  'Installed-Size',
  'Pre-Depends',
  'Depends',
  'Recommends',
  'Suggests',
  'Section',
  'Priority',
  'Homepage',
  'Description',
]

/** Options of dpkg-deb. One thread, as more of them divide the data otherwise. */
const COMPRESSIONS = { xz: ['-Zxz', '-z6'], gzip: ['-Zgzip', '-z1'] }

/** Returns the text as Debian wants documents: compressed, without name and time. */
export const compressed = (text) => gzipSync(text, { level: 9 })

const md5 = (path) => createHash('md5').update(readFileSync(path)).digest('hex')

/** Returns the paths of the files below a folder, relative to it. */
export const filesBelow = (folder) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))

/** Gives everything below a folder modes and times that do not depend on the machine; private folders stay private. */
const normalise = (folder, epoch, { isScript = () => false } = {}) => {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name)
    if (entry.isDirectory()) chmodSync(path, PRIVATE.test(path) ? 0o700 : 0o755)
    else if (entry.isFile()) chmodSync(path, EXECUTABLE.test(path) || isScript(entry.name) ? 0o755 : 0o644)
    if (!entry.isSymbolicLink()) utimesSync(path, epoch, epoch)
  }
  chmodSync(folder, 0o755)
}

const EXECUTABLE = /\/(usr\/bin\/[^/]+|usr\/lib\/portreeve\/bin\/node)$/
const PRIVATE = /\/etc\/portreeve\/secrets(\/[^/]+)?$/

/** Writes a file of the tree, with the folders that it needs. */
export const writeInto = (folder, path, content) => {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}
