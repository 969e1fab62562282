// Builds the addon: `node hosts/runtime/native/build.mjs`. Does nothing if its sources have not changed since the last
// build.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = dirname(fileURLToPath(import.meta.url))
const output = join(folder, 'build', 'Release', 'portreeve.node')
const stamp = join(folder, 'build', 'stamp')
const SOURCES = readdirSync(folder)
  .filter((name) => /\.(c|h|gyp|mjs)$/.test(name))
  .sort()

const say = (text) => process.stderr.write(`${text}\n`)
const fail = (text) => {
  say(text)
  process.exit(1)
}

/**
 * Hash of the sources and the platform. The Node.js version does not matter: the addon uses Node-API and finds OpenSSL
 * when it is loaded.
 */
const fingerprint = () => {
  const hash = createHash('sha256').update(`${process.arch} ${process.platform}\n`)
  for (const name of SOURCES) hash.update(name).update(readFileSync(join(folder, name)))
  return hash.digest('hex')
}

/**
 * Returns the prefix at which the running Node's headers are installed, if any; otherwise node-gyp downloads them from
 * nodejs.org.
 */
const installedHeaders = () => {
  for (const prefix of [dirname(dirname(process.execPath)), '/usr', '/usr/local']) {
    const file = join(prefix, 'include', 'node', 'node_version.h')
    if (!existsSync(file)) continue
    const text = readFileSync(file, 'utf8')
    const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1]
    if (`v${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}` === process.version) return prefix
  }
  return undefined
}

if (process.platform !== 'linux') {
  say('portreeve: the native addon is for Linux; a portal runs without it')
  process.exit(0)
}
const wanted = fingerprint()
if (existsSync(output) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) process.exit(0)

const missing = ['python3', 'make', 'g++'].filter(
  (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status !== 0,
)
if (missing.length > 0) {
  fail(`portreeve: the native addon cannot be built without ${missing.join(', ')}.
  On Debian: apt-get install --no-install-recommends python3 make g++`)
}
let gyp
try {
  gyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
} catch {
  fail('portreeve: the native addon cannot be built without the node-gyp package: run npm ci')
}
const headers = installedHeaders()
const result = spawnSync(
  process.execPath,
  [gyp, 'rebuild', '--silent', ...(headers === undefined ? [] : [`--nodedir=${headers}`])],
  { cwd: folder, encoding: 'utf8' },
)
if (result.status !== 0 || !existsSync(output)) {
  fail(`${result.stdout ?? ''}${result.stderr ?? ''}
portreeve: building the native addon failed.${headers === undefined ? ' The headers of this Node are not installed, and node-gyp may have been unable to fetch them.' : ''}`)
}
if (result.stderr !== '') say(result.stderr.trimEnd()) // warnings of the compiler
mkdirSync(dirname(stamp), { recursive: true })
writeFileSync(stamp, wanted)
