// `npm run check`: types and architecture, lint, and format, side by side. Each part shows what it found when it is done;
// one that finds something does not stop the others.
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const program = (path) => join('node_modules', path)

/** Commands of each part, one after the other until one fails. */
const PARTS = {
  // One checker: a second one would take the processor from the lint, and check shared types twice.
  types: [
    ['hosts/build.mjs', '--checkers', '1'],
    [program('mocha/bin/mocha.js'), '--no-config', '--reporter', 'dot', 'dist/test/architecture.test.js'],
  ],
  lint: [[program('oxlint/bin/oxlint'), '--type-aware', '--quiet']],
  format: [[program('oxfmt/bin/oxfmt'), '--check']],
}

/** The compiler and the lint spend a fifth of their time on collecting garbage of a heap that fits: collect less often. */
const ENVIRONMENT = { GOGC: '400', ...process.env }

const began = performance.now()
const seconds = () => `${((performance.now() - began) / 1000).toFixed(1)} s`

const run = (args) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.once('error', (error) => resolve({ ok: false, output: String(error) }))
    child.once('close', (code) => resolve({ ok: code === 0, output }))
  })

const check = async ([name, commands]) => {
  let output = ''
  let ok = true
  for (const command of commands) {
    if (!ok) break
    const result = await run(command)
    ok = result.ok
    output += result.output
  }
  process.stdout.write(`${ok ? '' : output}${name}: ${ok ? 'nothing found' : 'see above'} (${seconds()})\n`)
  return ok
}

const outcomes = await Promise.all(Object.entries(PARTS).map(check))
process.exitCode = outcomes.every(Boolean) ? 0 : 1
