// `npm run test:nodes`: the story and the tests on each Node.js that is supported, out of npm packages that bring its program and headers. One build
// serves all of them.
//
//   npm run test:nodes                          everything on each: hours on a small machine
//   npm run test:nodes -- --story               only the story, as `npm start -- --once` walks it
//   npm run test:nodes -- --node 26 --node 20.19   only these
//   npm run test:nodes -- --tests 'dist/test/core/**/*.test.js'   the story, and only these tests
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
/** The oldest supported release, and the newest of each line that was tried. */
const VERSIONS = ['20.19.0', '20.20.2', '22.23.5', '24.22.3', '26.12.1']
const USAGE = `usage: npm run test:nodes -- [--node VERSION …] [--story] [--tests PATTERN …]\nversions: ${VERSIONS.join(', ')}\n`

const fail = (text) => {
  process.stderr.write(text)
  process.exit(2)
}

const options = () => {
  try {
    const { values } = parseArgs({
      options: {
        node: { type: 'string', multiple: true },
        story: { type: 'boolean', default: false },
        tests: { type: 'string', multiple: true },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  } catch (error) {
    return fail(`${error.message}\n${USAGE}`)
  }
}

/** Runs a command with the same output as this one; resolves with its exit code, 1 after a signal. */
const run = (command, args, env = process.env) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] })
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 1))
  })

/** Folder of a Node.js release, fetched if it is not there yet; npm checks its integrity. */
const nodeFolder = async (version) => {
  const folder = join(ROOT, 'node_modules/.cache/nodes', version)
  if (existsSync(join(folder, 'bin/node'))) return folder
  const fetched = `${folder}.${process.pid}`
  rmSync(fetched, { recursive: true, force: true })
  mkdirSync(fetched, { recursive: true })
  const name = `node-${process.platform}-${process.arch}`
  const { npm_execpath: npm } = process.env
  const [command, before] = npm === undefined ? ['npm', []] : [process.execPath, [npm]]
  const args = ['install', '--prefix', fetched, '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--silent']
  if ((await run(command, [...before, ...args, '--global=false', '--force', `${name}@${version}`])) !== 0) {
    throw new Error(`Node.js ${version} could not be fetched: the npm package ${name}@${version}`)
  }
  renameSync(join(fetched, 'node_modules', name), folder)
  rmSync(fetched, { recursive: true, force: true })
  return folder
}

/** Parts that fail on a Node.js, `the story` and `the tests`; empty if all pass. */
const failuresOn = async (version, { story, tests }) => {
  const folder = await nodeFolder(version)
  const node = join(folder, 'bin/node')
  const env = {
    ...process.env,
    PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
    npm_config_nodedir: folder,
    // Deprecated calls throw: a later Node.js will refuse them.
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --throw-deprecation`.trim(),
  }
  delete env.npm_execpath
  delete env.npm_node_execpath
  const failures = []
  process.stderr.write(`\n=== Node.js ${version}: the story\n`)
  if ((await run(node, ['dist/hosts/cli/main.js', 'lab', '--once'], env)) !== 0) failures.push('the story')
  if (story) return failures
  process.stderr.write(`\n=== Node.js ${version}: the tests\n`)
  if ((await run(node, testArguments(tests), env)) !== 0) failures.push('the tests')
  return failures
}

const testArguments = (tests) => {
  if (tests === undefined) return ['test/run.mjs']
  const settings = ['--no-config', '--timeout', '90000', '--reporter', 'dot', '--forbid-only']
  return ['node_modules/mocha/bin/mocha.js', ...settings, ...tests]
}

const { node: asked, help, ...what } = options()
if (help) {
  process.stdout.write(USAGE)
  process.exit(0)
}
const isAsked = (version) => asked.some((each) => version === each || version.startsWith(`${each}.`))
const unknown = (asked ?? []).find(
  (each) => !VERSIONS.some((version) => version === each || version.startsWith(`${each}.`)),
)
if (unknown !== undefined) fail(`there is no Node.js ${unknown} here\n${USAGE}`)
const versions = asked === undefined ? VERSIONS : VERSIONS.filter(isAsked)
if (process.getuid?.() !== 0) fail('the story needs root: it makes network namespaces. Run: sudo npm run test:nodes\n')

const outcomes = []
for (const version of versions) outcomes.push({ version, failures: await failuresOn(version, what) })
for (const { version, failures } of outcomes) {
  process.stderr.write(`Node.js ${version}: ${failures.length === 0 ? 'passed' : `failed: ${failures.join(', ')}`}\n`)
}
process.exitCode = outcomes.some(({ failures }) => failures.length > 0) ? 1 : 0
