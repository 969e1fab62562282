// `npm run prebuild:addon`: builds the addon and copies it to prebuilds/PLATFORM-ARCH/, where node-gyp-build finds it
// in the npm package. It uses Node-API, so one file serves every Node.js; it needs the C library of the machine that
// built it, or a newer one.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = dirname(fileURLToPath(import.meta.url))
const built = spawnSync(process.execPath, [join(folder, 'build.mjs')], { stdio: ['ignore', 2, 2] })
if (built.status !== 0) process.exit(1)
const libc = process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
const target = join(folder, 'prebuilds', `${process.platform}-${process.arch}`)
const file = join(target, `portreeve.napi.${libc}.node`)
mkdirSync(target, { recursive: true })
copyFileSync(join(folder, 'build', 'Release', 'portreeve.node'), file)
const stripped = spawnSync('strip', ['--strip-unneeded', file])
process.stderr.write(`${file} (${statSync(file).size} bytes${stripped.status === 0 ? ', stripped' : ''})\n`)
