// `npm test`: all tests, as four mocha processes side by side: each of them waits often enough that two would leave two cores idle. Two of them are for
// tests on the kernel's networks, which wait for packets most of the time; each of those makes namespaces of its own.
//
//   npm test                                everything
//   npm test -- --grep 'P9' --reporter spec   all are told what mocha is told; it needs a reporter that closes with how many passed
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const MOCHA = join(ROOT, 'node_modules/mocha/bin/mocha.js')
/** Tests of a client or gateway and the machine that it runs on, and of whole labs. */
const MACHINES = [
  'dist/test/lab/runtime/**/*.test.js',
  ...['endings', 'example-plugins', 'exit-codes', 'machine', 'neighbours', 'story'].map(
    (name) => `dist/test/lab/${name}.test.js`,
  ),
  'dist/test/hosts/lab/namespace.test.js',
  // No machine of their own: they even out how long the four take.
  'dist/test/hosts/portal/web/admin/**/*.test.js',
]
/** All other tests that make network namespaces. */
const NETWORKS = ['dist/test/lab/**/*.test.js']
/** Tests of the portal, which take longer than all that are left. */
const PORTAL = ['dist/test/hosts/portal/**/*.test.js']
/**
 * Seed of random tests, the same in each run. PORTREEVE_SEED=$RANDOM tries others, as does mocha alone, which begins
 * anywhere.
 */
const { PORTREEVE_SEED = '1' } = process.env
/** A test that fails may leave servers open, with which mocha would wait for ever after its result. */
const END_TIMEOUT_MS = 30_000
/** Time from the request to say what is open, which a blocked process would not answer, to SIGKILL. */
const SAY_TIMEOUT_MS = 5_000
/** Added to the niceness of all others: the tests on the kernel have deadlines. */
const NICENESS = 5

const { spec, timeout, reporter } = JSON.parse(readFileSync(join(ROOT, '.mocharc.json'), 'utf8'))
const settings = [
  '--no-config',
  '--forbid-only',
  '--timeout',
  String(timeout),
  '--reporter',
  reporter,
  '--require',
  './dist/test/kit/seed.js',
  '--require',
  './dist/test/kit/open-handles.js',
]
const RESULT = /^ {2}\d+ passing\b/m
const color = process.stdout.isTTY ? ['--color'] : []
const began = Date.now()
const running = []

/** Starts mocha and keeps its output until it is shown: the output of two at once could not be read. */
const start = (name, args) => {
  const child = spawn(process.execPath, [MOCHA, ...settings, ...color, ...args, ...process.argv.slice(2)], {
    cwd: ROOT,
    env: { ...process.env, PORTREEVE_SEED },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const part = { name, child, kept: [], text: '', isShown: false }
  for (const stream of ['stdout', 'stderr']) {
    child[stream].on('data', (data) => {
      if (stream === 'stdout') part.text += data
      if (RESULT.test(stripVTControlCharacters(part.text.slice(-2_000))) && part.endTimer === undefined)
        part.endTimer = setTimeout(() => {
          child.kill('SIGUSR2')
          part.endTimer = setTimeout(() => child.kill('SIGKILL'), SAY_TIMEOUT_MS)
        }, END_TIMEOUT_MS)
      if (part.isShown) process[stream].write(data)
      else part.kept.push({ stream, data })
    })
  }
  part.ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(String(error)))
    child.once('close', (code, signal) => {
      clearTimeout(part.endTimer)
      resolve(signal ?? code)
    })
  })
  running.push(part)
  return part
}

/**
 * Shows the output of one mocha so far and until its end; resolves with the numbers of passed, failed and skipped
 * tests.
 */
const show = async (part) => {
  process.stdout.write(`\n=== ${part.name}\n`)
  part.isShown = true
  for (const { stream, data } of part.kept.splice(0)) process[stream].write(data)
  const end = await part.ended
  const text = stripVTControlCharacters(part.text)
  const count = (what) => Number(new RegExp(String.raw`^ {2}(\d+) ${what}\b`, 'm').exec(text)?.[1] ?? 0)
  // Mocha's last line must be there: the process may have ended with 0 before mocha was done.
  const isWhole = RESULT.test(text)
  if (!isWhole) process.stdout.write(`=== ${part.name}: ended (${end}) without a result\n`)
  else if (end === 'SIGKILL') process.stdout.write(`=== ${part.name}: something stayed open after the result\n`)
  return {
    ok: end === 0 && isWhole,
    passed: count('passing'),
    failed: count('failing'),
    skipped: count('pending'),
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    for (const { child } of running) child.kill(signal)
  })
}

const without = (patterns) => patterns.flatMap((pattern) => ['--ignore', pattern])

const machines = start('tests of machines', MACHINES)
const networks = start('tests on networks', [...NETWORKS, ...without(MACHINES)])
const portal = start('tests of the portal', [...PORTAL, ...without(MACHINES)])
const others = start('all other tests', [...spec, ...without([...MACHINES, ...NETWORKS, ...PORTAL])])
for (const { child } of [portal, others]) {
  try {
    setPriority(child.pid, NICENESS)
  } catch {
    // it has ended, which is said below
  }
}
const results = []
for (const part of [others, portal, networks, machines]) results.push(await show(part))
const sum = (what) => results.reduce((total, result) => total + result[what], 0)
const seconds = Math.round((Date.now() - began) / 1000)
const took = `${Math.floor(seconds / 60)} min ${seconds % 60} s`
process.stdout.write(`\n=== all tests, in ${took}\n`)
process.stdout.write(`tests: ${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped\n`)
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1
