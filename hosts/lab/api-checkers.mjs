// Installs the tools that check the REST API's OpenAPI description, and the compose file, in npm run test:long. Plain JavaScript, as
// setup.mjs. The tools are far larger than the product, so they are not dependencies of it but in a folder of their
// own, which npm ci clears.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const NPM = ['@stoplight/spectral-cli@6.16.3', '@redocly/cli@2.77.0', 'dclint@3.1.0']
const PYPI = ['schemathesis==4.32.5']

/**
 * Installs the tools if they are missing. Reports a tool that cannot be installed; tests that need it are then skipped.
 */
export const setUpApiCheckers = async ({ root, run, say, installPackages }) => {
  const folder = join(root, 'node_modules/.cache/portreeve-api-checkers')
  const stamp = join(folder, 'complete')
  const wanted = JSON.stringify([NPM, PYPI])
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'node'), { recursive: true })
  writeFileSync(join(folder, 'node/package.json'), '{ "private": true }')
  const python = join(folder, 'python')
  const makeVenv = () => run('python3 -m venv', 'python3', ['-m', 'venv', python])
  // Debian has the module `venv` in a separate package.
  if (!(await makeVenv()).ok && installPackages !== undefined) {
    await installPackages(['python3-venv'])
    await makeVenv()
  }
  const install = async (what, program, args) => {
    const { ok, code, output } = await run(what, program, args)
    if (!ok) {
      say(`${what} failed (${code}): ${output.trim().split('\n').at(-1)}`)
      say('The tests of the REST API and of the compose file by other people’s tools are skipped.')
    }
    return ok
  }
  const npm = process.env.npm_execpath
  const [command, before] = npm === undefined ? ['npm', []] : [process.execPath, [npm]]
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefix', join(folder, 'node')]
  const pip = ['install', '--quiet', ...PYPI]
  const isComplete =
    (await install('pip install schemathesis', join(python, 'bin/pip'), pip)) &&
    (await install('npm install spectral, redocly', command, [...before, 'install', ...flags, ...NPM]))
  if (!isComplete) return
  writeFileSync(stamp, wanted)
}
