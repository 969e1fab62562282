// `npm run package`: builds the Debian packages, the npm package, their lists of parts (SBOM) and their checksums.
// packaging/README.md says more.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { sign as signFile, writeChecksums } from './checksums.mjs'
import { ARCHITECTURES, buildDebianPackages, debianVersion } from './debian-packages.mjs'
import { nodeRuntime } from './node-runtime.mjs'
import { packNpm } from './npm-package.mjs'
import { manifestOf, productionPackages } from './production-files.mjs'
import { debianParts, npmParts, writeParts } from './sbom.mjs'
import { PackagingProblem, say, step } from './steps.mjs'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')

const USAGE = `usage: npm run package -- [OPTION …]
  --out FOLDER      where the packages go; dist/packages by default
  --arch ARCH       x64 or arm64; this machine's by default
  --version VERSION version of the Debian packages; package.json's by default
  --compress KIND   xz (the default), or gzip: faster and larger, for tests
  --only KIND       deb: nothing but the Debian packages
  --sign KEY        OpenSSH private key with which the checksums are signed`

const options = () => {
  try {
    const { values } = parseArgs({
      options: {
        out: { type: 'string', default: join(ROOT, 'dist/packages') },
        arch: { type: 'string', default: process.arch },
        version: { type: 'string', default: debianVersion(ROOT) },
        compress: { type: 'string', default: 'xz' },
        only: { type: 'string', default: 'all' },
        sign: { type: 'string' },
      },
    })
    const isKnown =
      Object.hasOwn(ARCHITECTURES, values.arch) &&
      ['xz', 'gzip'].includes(values.compress) &&
      ['all', 'deb'].includes(values.only)
    if (isKnown) return values
  } catch (error) {
    if (!String(error.code).startsWith('ERR_PARSE_ARGS')) throw error
    say(error.message)
  }
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}

/** Time that all files get: that of the last commit, or what SOURCE_DATE_EPOCH says. */
const sourceDate = () => {
  const given = process.env.SOURCE_DATE_EPOCH
  if (given !== undefined) return Number(given)
  try {
    return Number(execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, encoding: 'utf8' }))
  } catch {
    throw new PackagingProblem('this is no clone of git: set SOURCE_DATE_EPOCH, the time that the files get.')
  }
}

const main = async () => {
  const { out: folder, arch, version, compress, only, sign } = options()
  const out = resolve(folder)
  const epoch = sourceDate()
  mkdirSync(out, { recursive: true })
  for (const name of readdirSync(out)) if (/^portreeve|^SHA256SUMS/.test(name)) rmSync(join(out, name))
  const cache = join(ROOT, 'node_modules/.cache/portreeve-packaging')
  const files = await buildDebianPackages({ root: ROOT, out, cache, arch, version, epoch, compress })
  if (only === 'all') {
    const node = await nodeRuntime(arch, cache)
    files.push(await step('npm package', () => packNpm({ root: ROOT, out, arch, node })))
    const parts = await npmParts(ROOT, epoch)
    const { version: release } = manifestOf(ROOT)
    const lists = {
      [`portreeve-${release}.cdx.json`]: parts,
      [`portreeve-common_${version}_${ARCHITECTURES[arch]}.cdx.json`]: debianParts(parts, {
        packages: productionPackages(ROOT),
        arch,
      }),
    }
    for (const [name, list] of Object.entries(lists)) {
      writeParts(join(out, name), list)
      files.push(join(out, name))
    }
    files.push(writeChecksums(out))
    if (sign !== undefined) files.push(await signFile(join(out, 'SHA256SUMS'), resolve(sign)))
  }
  process.stdout.write(files.map((file) => `${file}\n`).join(''))
}

try {
  await main()
} catch (error) {
  if (!(error instanceof PackagingProblem)) throw error
  say(error.message)
  process.exitCode = 1
}
