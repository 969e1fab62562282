// `npm run package:image`: builds the image of portal and gateway from the packages of `npm run package`, with buildah.
//   node packaging/oci/build.mjs [--packages FOLDER] [--base IMAGE] [--tag NAME] [-- OPTION-OF-BUILDAH …]
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { PackagingProblem, run, say, step } from '../steps.mjs'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..')
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    packages: { type: 'string', default: join(ROOT, 'dist/packages') },
    base: { type: 'string', default: 'docker.io/library/debian:bookworm-slim' },
    tag: { type: 'string', default: 'localhost/portreeve:latest' },
  },
})

try {
  const packages = resolve(values.packages)
  if (!existsSync(packages)) throw new PackagingProblem(`${packages} is not there: run npm run package first.`)
  const file = join(ROOT, 'packaging/oci/Containerfile')
  // Docker's format, as OCI's has no health check.
  const flags = ['--format', 'docker', '--build-arg', `BASE=${values.base}`, '-f', file, '-t', values.tag]
  await step(`image ${values.tag}`, () => run('buildah', [...positionals, 'build', ...flags, packages]))
  process.stdout.write(`${values.tag}\n`)
} catch (error) {
  if (!(error instanceof PackagingProblem)) throw error
  say(error.message)
  process.exitCode = 1
}
