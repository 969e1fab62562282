// Builds dist: compiles what has changed since the last build, and copies the assets. Files of dist whose source is gone
// are removed first, or a moved test would run from both places.
//
//   node hosts/build.mjs [ARGUMENT …]    arguments are passed on to the compiler
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const FOLDERS = ['core', 'plugins', 'hosts', 'test']
/** Record of the last build, by which the compiler knows what has changed since. */
const RECORD = 'dist/.tsbuildinfo'

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'))

const filesBelow = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesBelow(path) : [path]
  })

const hasSource = (output) => {
  const path = output.slice('dist/'.length)
  return existsSync(path) || existsSync(path.replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts'))
}

for (const folder of FOLDERS.map((name) => join('dist', name)).filter((path) => existsSync(path))) {
  for (const output of filesBelow(folder)) if (!hasSource(output)) rmSync(output)
}

/** Whether dist lacks the output of a file in the record, which the compiler would not write again. */
const lacksOutput = () => {
  const sources = JSON.parse(readFileSync(RECORD, 'utf8'))
    .fileNames.filter((name) => /^\.\.\/(?!node_modules\/).*(?<!\.d)\.ts$/.test(name))
    .map((name) => name.slice('../'.length))
  return sources.some((source) => existsSync(source) && !existsSync(join('dist', source.replace(/\.ts$/, '.js'))))
}
if (existsSync(RECORD) && lacksOutput()) rmSync(RECORD)

const compiler = join('node_modules', 'typescript', 'bin', 'tsc')
const { status } = spawnSync(process.execPath, [compiler, '-p', '.', ...process.argv.slice(2)], { stdio: 'inherit' })
if (status === 0) await import('./copy-assets.mjs')
process.exitCode = status ?? 1
