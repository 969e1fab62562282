// Prepares a fresh clone for a purpose, then starts the lab if asked to. Plain JavaScript that needs Node only, since
// it runs before any package is installed. Reports every action on standard error; standard output is for the command
// started.
//
//   node hosts/lab/setup.mjs start [ARGUMENT …]   sets up and starts the lab
//   node hosts/lab/setup.mjs test | bench | long | tunnel    sets up what the tests, or the benchmarks, need
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..')
const POLICY = process.env.PORTREEVE_SETUP_POLICY ?? '/usr/sbin/policy-rc.d'
/** Time to wait for another set-up's lock, after which that set-up is considered stuck. */
const LOCK_DEADLINE_MS = 15 * 60_000
const APT_ATTEMPTS = 60

/** Commands needed to build, and the Debian packages that contain them; likewise below. */
const BUILD = { make: 'make', python3: 'python3', 'c++': 'g++' }
const { scenarios: SCENARIOS, ...LAB } = JSON.parse(readFileSync(new URL('commands.json', import.meta.url), 'utf8'))
const PACKAGING = { 'dpkg-deb': 'dpkg', 'dpkg-shlibdeps': 'dpkg-dev' }
const NEEDS = {
  start: { ...BUILD, ...LAB, ...SCENARIOS[process.argv[3]] },
  test: {
    ...BUILD,
    ...LAB,
    ...SCENARIOS.nat64,
    wg: 'wireguard-tools',
    'wireguard-go': 'wireguard-go',
    tinyproxy: 'tinyproxy-bin',
    'dbus-daemon': 'dbus-daemon',
    openssl: 'openssl',
    ethtool: 'ethtool',
    iperf3: 'iperf3',
    nc: 'netcat-openbsd',
    chromium: 'chromium',
    postgres: 'postgresql',
    'secret-tool': 'libsecret-tools',
    'gnome-keyring-daemon': 'gnome-keyring',
    'dbus-run-session': 'dbus-daemon',
    turnserver: 'coturn',
    nginx: 'nginx-light',
    caddy: 'caddy',
    'iptables-legacy': 'iptables',
  },
  bench: { ...BUILD, ...LAB, ...SCENARIOS['udp-blocked'], iperf3: 'iperf3', turnserver: 'coturn' },
  long: {
    ...BUILD,
    ...LAB,
    ...SCENARIOS.nat64,
    ...SCENARIOS['udp-blocked'],
    iperf3: 'iperf3',
    turnutils_uclient: 'coturn',
    ...PACKAGING,
    lintian: 'lintian',
    debootstrap: 'debootstrap',
    'systemd-nspawn': 'systemd-container',
    buildah: 'buildah',
    crun: 'crun',
    caddy: 'caddy',
  },
  package: { ...BUILD, ...PACKAGING },
  tunnel: { ...BUILD, ...LAB, wg: 'wireguard-tools', iperf3: 'iperf3' },
}

class SetupProblem extends Error {}

const say = (text) => process.stderr.write(`setup: ${text}\n`)
const isRoot = process.getuid?.() === 0
const systemPaths = (process.env.PORTREEVE_SETUP_SYSTEM_PATHS ?? '/usr/local/sbin:/usr/sbin:/sbin').split(delimiter)
const searchPath = [...(process.env.PATH ?? '').split(delimiter), ...systemPaths].filter((folder) => folder !== '')

/** Returns the folders of PostgreSQL's programs on Debian, one for each version, which PATH does not include. */
const postgresFolders = () => {
  const folder = '/usr/lib/postgresql'
  if (process.env.PORTREEVE_SETUP_SYSTEM_PATHS !== undefined || !existsSync(folder)) return []
  return readdirSync(folder).map((version) => join(folder, version, 'bin'))
}

const has = (command) =>
  [...searchPath, ...postgresFolders()].some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

/**
 * Runs a command and returns its output. Unless quiet, reports its start and end, and every 20 s that it still runs.
 */
const run = async (what, command, args, { env = {}, quiet = false } = {}) => {
  const began = Date.now()
  if (!quiet) say(`${what} …`)
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, PATH: searchPath.join(delimiter), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const take = (chunk) => (output = (output + chunk).slice(-20_000))
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const alive = setInterval(() => {
    if (!quiet) say(`${what}: ${seconds(began)} …`)
  }, 20_000)
  const code = await new Promise((resolve) => {
    child.once('error', (error) => resolve(String(error)))
    child.once('close', resolve)
  })
  clearInterval(alive)
  if (code === 0 && !quiet) say(`${what}: done in ${seconds(began)}`)
  return { ok: code === 0, code, output }
}

const mustRun = async (what, command, args, options) => {
  const { ok, code, output } = await run(what, command, args, options)
  if (!ok) throw new SetupProblem(`${what} failed (${code}):\n${output}\nThe command was: ${command} ${args.join(' ')}`)
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`

/** Checks Node's version against package.json's `engines`, which must have the form `^1.2.3 || >=4.5.6`. */
const checkNode = () => {
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).engines.node
  const version = process.versions.node.split('.').map(Number)
  const admits = (range) => {
    const least = range
      .replace(/^(\^|>=)/, '')
      .split('.')
      .map(Number)
    if (range.startsWith('^') && least[0] !== version[0]) return false
    const difference = [0, 1, 2].map((index) => version[index] - (least[index] ?? 0)).find((d) => d !== 0) ?? 0
    return difference >= 0
  }
  const ranges = wanted.split(' || ')
  if (!ranges.some(admits)) {
    const words = ranges
      .map(inWords)
      .join(', ')
      .replace(/, (?=[^,]*$)/, ', or ')
    throw new SetupProblem(`Node.js ${words} is needed; this is ${process.versions.node}.`)
  }
}

/** Describes a range: `^20.19.0` as `20.19 or a later 20`, `^24.0.0` as `24`, `>=26.0.0` as `26 and later`. */
const inWords = (range) => {
  const version = range.replace(/^(\^|>=)/, '').replace(/(\.0)+$/, '')
  if (range.startsWith('>=')) return `${version} and later`
  return version.includes('.') ? `${version} or a later ${version.split('.')[0]}` : version
}

/**
 * Acquires a lock file, which has the holder's pid and is valid only while that process lives.
 * @returns {Promise<() => void>} function that releases the lock
 */
const lock = async (path) => {
  const end = Date.now() + LOCK_DEADLINE_MS
  for (let told = false; Date.now() < end; told = true) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const holder = existsSync(path) ? readFileSync(path, 'utf8') : ''
    if (holder !== '' && !isAlive(Number(holder))) rmSync(path, { force: true })
    else if (!told) say(`waiting for another set-up (process ${holder}) …`)
    await pause(250)
  }
  throw new SetupProblem(`another set-up holds ${path}; remove the file if there is none.`)
}

const isAlive = (pid) => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

const systemPackages = async (purpose) => {
  const missing = Object.entries(NEEDS[purpose]).filter(([command]) => !has(command))
  if (missing.length === 0) return
  const packages = [...new Set(missing.map(([, name]) => name))]
  const commands = missing.map(([command]) => command).join(', ')
  const install = `apt-get install --no-install-recommends ${packages.join(' ')}`
  if (!has('apt-get')) {
    return cannot(purpose, `these commands are missing: ${commands}. Install them with your system's package tool.`)
  }
  if (!isRoot) return cannot(purpose, `these commands are missing: ${commands}. Run: sudo ${install}`)
  say(`missing on this machine: ${commands} (Debian packages: ${packages.join(' ')})`)
  if (process.stdin.isTTY && process.stderr.isTTY && !(await agrees(packages))) {
    throw new SetupProblem(`nothing was installed. To do it yourself, run: ${install}`)
  }
  const unlock = await lock(process.env.PORTREEVE_SETUP_LOCK ?? '/run/portreeve-setup.lock')
  try {
    await installPackages(packages)
  } finally {
    unlock()
  }
  const still = missing.filter(([command]) => !has(command)).map(([command]) => command)
  if (still.length > 0) throw new SetupProblem(`still missing after the installation: ${still.join(', ')}`)
}

/** Reports missing commands: stops if the lab, the packages or the build need them; tests that need them are skipped. */
const cannot = (purpose, problem) => {
  if (['start', 'package'].includes(purpose) || !Object.keys(BUILD).every(has)) throw new SetupProblem(problem)
  say(`${problem} The tests that need them are skipped.`)
}

const agrees = async (packages) => {
  // Imported here, because a Node.js without this module must get as far as `checkNode`.
  const { createInterface } = await import('node:readline/promises')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal.question(`Install ${packages.join(' ')} now? No service is started by it. [Y/n] `)
    return ['', 'y', 'yes'].includes(answer.trim().toLowerCase())
  } finally {
    terminal.close()
  }
}

const installPackages = async (packages) => {
  const removePolicy = forbidServices()
  const onSignal = (signal) => {
    removePolicy()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  try {
    const args = ['install', '-y', '--no-install-recommends', ...packages]
    const first = await apt(`apt-get install ${packages.join(' ')}`, args)
    if (first.ok) return
    // The package lists may be missing or outdated.
    await apt('apt-get update', ['update'])
    const second = await apt(`apt-get install ${packages.join(' ')}`, args)
    if (!second.ok) throw new SetupProblem(`apt-get install failed (${second.code}):\n${second.output}`)
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    removePolicy()
  }
}

/**
 * Runs apt-get, waiting while another apt holds a lock: the option waits for dpkg's lock, the loop for that of the
 * lists.
 */
const apt = async (what, args) => {
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  for (let attempt = 1; ; attempt++) {
    const result = await run(what, 'apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...args], { env })
    if (result.ok || attempt === APT_ATTEMPTS || !/could not get lock|unable to lock/i.test(result.output))
      return result
    say('another apt holds its lock; trying again …')
    await pause(2_000)
  }
}

/**
 * Writes Debian's policy file against starting services during an installation, unless there is one. Returns a function
 * that removes it.
 */
const forbidServices = () => {
  const mark = '# by the set-up of portreeve, process '
  const text = existsSync(POLICY) ? readFileSync(POLICY, 'utf8') : undefined
  const left = text?.split(mark)[1]
  if (left !== undefined && !isAlive(Number.parseInt(left, 10))) rmSync(POLICY)
  else if (text !== undefined) return () => undefined
  writeFileSync(POLICY, `#!/bin/sh\n${mark}${process.pid}\nexit 101\n`, { mode: 0o755, flag: 'wx' })
  return () => rmSync(POLICY, { force: true })
}

/** Whether the installed packages, according to npm's record, are those of the lock file. */
const packagesAreCurrent = () => {
  const record = join(ROOT, 'node_modules/.package-lock.json')
  if (!existsSync(record)) return false
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages
  const same = (path) => wanted[path]?.version === installed[path]?.version
  return (
    Object.keys(installed).every((path) => same(path) && existsSync(join(ROOT, path))) &&
    Object.keys(wanted).every((path) => path === '' || wanted[path].optional === true || same(path))
  )
}

const npmPackages = async () => {
  const npm = process.env.npm_execpath
  const [command, before] = npm === undefined ? ['npm', []] : [process.execPath, [npm]]
  if (packagesAreCurrent()) return
  const args = [...before, 'ci', '--no-audit', '--no-fund']
  await mustRun('npm ci (the first time takes a minute or two)', command, args)
}

/**
 * Returns environment variables that let node-gyp use the headers installed with Node.js, if any, instead of a
 * download.
 */
const nodeHeaders = () => {
  const prefix = join(dirname(process.execPath), '..')
  const header = join(prefix, 'include/node/node_version.h')
  if (!existsSync(header)) return {}
  const text = readFileSync(header, 'utf8')
  const parts = ['MAJOR', 'MINOR', 'PATCH'].map((part) => new RegExp(`NODE_${part}_VERSION (\\d+)`).exec(text)?.[1])
  return parts.join('.') === process.versions.node ? { npm_config_nodedir: prefix } : {}
}

const build = async () => {
  const stamp = join(ROOT, 'dist/.setup')
  const state = sources()
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return
  const npm = process.env.npm_execpath
  const [command, before] = npm === undefined ? ['npm', []] : [process.execPath, [npm]]
  await mustRun('npm run build', command, [...before, 'run', '--silent', 'build'])
  writeFileSync(stamp, state)
}

/** Returns a digest of path, size and time of the build's source files. */
const sources = () => {
  const digest = createHash('sha256')
  const walk = (path) => {
    const { isDirectory, size, mtimeMs } = describe(path)
    if (!isDirectory) digest.update(`${path} ${size} ${mtimeMs}\n`)
    else for (const name of readdirSync(join(ROOT, path)).sort()) if (!SKIPPED.has(name)) walk(join(path, name))
  }
  for (const path of ['core', 'plugins', 'hosts', 'test', 'tsconfig.json', 'package.json']) {
    if (existsSync(join(ROOT, path))) walk(path)
  }
  return digest.digest('hex')
}

const SKIPPED = new Set(['node_modules', 'build', 'native', 'vector'])

const describe = (path) => {
  const stat = statSync(join(ROOT, path))
  return { isDirectory: stat.isDirectory(), size: stat.size, mtimeMs: stat.mtimeMs }
}

const nativeAddon = async () => {
  const script = 'hosts/runtime/native/build.mjs'
  if (existsSync(join(ROOT, script))) await mustRun('native addon', process.execPath, [script], { env: nodeHeaders() })
}

const setUp = async (purpose) => {
  const began = Date.now()
  checkNode()
  if (purpose === 'start' && !isRoot) {
    throw new SetupProblem(
      'the lab needs root: it makes network namespaces and TUN devices. Run: sudo npm start\n' +
        'What needs no root: npm test (the tests on the kernel are then skipped).',
    )
  }
  await systemPackages(purpose)
  const unlock = await lock(join(ROOT, '.setup.lock'))
  try {
    await npmPackages()
    await nativeAddon()
    await build()
    if (purpose === 'long') {
      const { setUpApiCheckers } = await import('./api-checkers.mjs')
      await setUpApiCheckers({
        root: ROOT,
        run,
        say,
        installPackages: isRoot && has('apt-get') ? installPackages : undefined,
      })
    }
  } finally {
    unlock()
  }
  say(`ready (${seconds(began)})`)
}

const [purpose, ...rest] = process.argv.slice(2)
if (!Object.keys(NEEDS).includes(purpose)) {
  process.stderr.write(`usage: node hosts/lab/setup.mjs ${Object.keys(NEEDS).join('|')}\n`)
  process.exit(2)
}
try {
  await setUp(purpose)
} catch (error) {
  if (!(error instanceof SetupProblem)) throw error
  say(error.message)
  if (rest.includes('--json')) {
    const steps = [{ name: 'set-up', ok: false, ms: Math.round(1000 * process.uptime()), detail: error.message }]
    process.stdout.write(`${JSON.stringify({ ok: false, steps })}\n`)
  }
  process.exit(1)
}
if (purpose === 'start') {
  // The lab runs in this process, so that signals reach it directly.
  const main = join(ROOT, 'dist/hosts/cli/main.js')
  process.argv = [process.argv[0], main, 'lab', ...rest]
  await import(pathToFileURL(main).href)
}
