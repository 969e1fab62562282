// Builds dist: compiles what has changed since the last build, and copies the assets. Files of dist whose source is gone
// are removed first, or a moved test would run from both places. What is generated from the API's schemas is written anew
// where the API has changed: the types in hosts/api/operations.ts, and the description that the command line reads.
//
//   node hosts/build.mjs [ARGUMENT …]    arguments are passed on to the compiler
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
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

/** Description of the API, which the build generates. */
const DESCRIPTION = join('dist', 'hosts', 'api', 'description.json')
const GENERATED_FROM = ['dist/hosts/api/generate', 'dist/hosts/portal', 'dist/core']

const hasSource = (output) => {
  if (output === DESCRIPTION) return true
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
const compile = () =>
  spawnSync(process.execPath, [compiler, '-p', '.', ...process.argv.slice(2)], { stdio: 'inherit' }).status

/** Whether the API's schemas may have changed since its description was written. */
const isStale = () => {
  if (!existsSync(DESCRIPTION)) return true
  const written = statSync(DESCRIPTION).mtimeMs
  return GENERATED_FROM.flatMap(filesBelow).some((path) => path.endsWith('.js') && statSync(path).mtimeMs > written)
}

/** Generates what the API's schemas describe. Returns whether sources have changed by that. */
const generate = () => {
  const made = spawnSync(process.execPath, [join('dist', 'hosts', 'api', 'generate', 'main.js'), '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  return made.stdout.includes('changed')
}

let status = compile()
// Generated types may be what does not compile, so they are written after an error, too.
if (isStale() && generate()) status = compile()
if (status === 0) await import('./copy-assets.mjs')
process.exitCode = status ?? 1
