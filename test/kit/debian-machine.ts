import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { PATIENCE_MS } from './patience.ts'

/** Folder in which the bare system is kept between runs: it takes a minute to make. */
const KEPT = '/var/tmp/portreeve-debian'
/** Packages beside the essential ones: an init system, and what the product's packages depend on. */
const PACKAGES = ['systemd', 'systemd-sysv', 'dbus', 'ca-certificates', 'iproute2', 'nftables', 'iptables']
/** Programs that make and boot it, with the Debian packages that have them. */
const PROGRAMS = { debootstrap: 'debootstrap', 'systemd-nspawn': 'systemd-container', dpkg: 'dpkg' }

export interface CommandEnd {
  code: number
  /** Standard output and standard error. */
  output: string
}

/** Reason why no Debian machine can be booted here; undefined if one can. */
export const debianProblem = async (): Promise<string | undefined> => {
  if (process.getuid?.() !== 0) return 'needs root'
  const missing: string[] = []
  for (const [program, name] of Object.entries(PROGRAMS)) {
    if ((await runProgram('which', [program])).code !== 0) missing.push(name)
  }
  if (missing.length > 0) return `needs the Debian packages ${missing.join(', ')}`
  // A machine whose lists of packages were never fetched shows no mirror.
  if ((await mirror()) === undefined) await runProgram('apt-get', ['update'])
  if ((await mirror()) === undefined) return 'needs a mirror of Debian in the sources of apt (apt-get update)'
  return undefined
}

/** Makes the bare Debian system if it is not kept from an earlier run, and returns its folder. */
export const bareDebian = async (): Promise<string> => {
  const source = await mirror()
  if (source === undefined) throw new Error('no mirror of Debian')
  const folder = join(KEPT, `${source.release}-${PACKAGES.length}`)
  if (existsSync(folder)) return folder
  await mkdir(KEPT, { recursive: true })
  const partial = await mkdtemp(join(KEPT, 'partial-'))
  const flags = ['--variant=minbase', `--include=${PACKAGES.join(',')}`]
  const { code, output } = await runProgram('debootstrap', [...flags, source.release, partial, source.url])
  if (code !== 0) throw new Error(`debootstrap: ${output.slice(-2_000)}`)
  await rm(join(partial, 'var/cache/apt'), { recursive: true, force: true })
  // Empty, not missing: a first boot would enable all services that a preset names, such as systemd-networkd.
  await writeFile(join(partial, 'etc/machine-id'), '')
  await runProgram('chmod', ['755', partial])
  await rename(partial, folder)
  return folder
}

/** Returns the mirror and release of Debian from which apt installs here. */
const mirror = async (): Promise<{ url: string; release: string } | undefined> => {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '')
  const release = /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1]
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)'
  const { output } = await runProgram('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'])
  const line = output.split('\n').find((one) => one.endsWith(` ${release} main`))
  const [url] = line?.split(' ') ?? []
  return url === undefined || release === undefined ? undefined : { url, release }
}

/** Runs a program of this machine, without a shell. */
export const runProgram = (
  program: string,
  args: readonly string[],
  { input = '', timeoutMs = 10 * PATIENCE_MS }: { input?: string; timeoutMs?: number } = {},
): Promise<CommandEnd> =>
  new Promise((resolve) => {
    const options = { timeout: timeoutMs, maxBuffer: 64 << 20, env: { ...process.env, LC_ALL: 'C' } }
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 127
      resolve({ code, output: `${stdout}${stderr}` })
    })
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })

/**
 * Debian machine with systemd as its init: a container with its own processes, network (loopback only) and TUN devices,
 * booted by systemd-nspawn from the bare system, which stays as it is below a layer of the machine's own.
 */
export class DebianMachine {
  readonly #folder: string
  #nspawn: ChildProcess | undefined
  #init = 0

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Makes a machine that is not booted yet. */
  static async create(): Promise<DebianMachine> {
    const base = await bareDebian()
    const folder = await mkdtemp('/var/tmp/portreeve-machine-')
    for (const name of ['upper', 'work', 'root']) await mkdir(join(folder, name))
    const options = `lowerdir=${base},upperdir=${join(folder, 'upper')},workdir=${join(folder, 'work')}`
    const { code, output } = await runProgram('mount', [
      '-t',
      'overlay',
      'overlay',
      '-o',
      options,
      join(folder, 'root'),
    ])
    if (code !== 0) throw new Error(`overlay: ${output}`)
    return new DebianMachine(folder)
  }

  /** Folder of the machine's files, as this machine sees it. */
  get root(): string {
    return join(this.#folder, 'root')
  }

  /** Boots the machine and waits until its services have started, or have failed to. */
  async boot(): Promise<void> {
    const name = `portreeve-${process.pid}`
    const flags = ['--register=no', '--keep-unit', '--private-network', '--bind=/dev/net/tun', '--console=pipe']
    const child = spawn('systemd-nspawn', ['-D', this.root, ...flags, '-M', name, '-b'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)))
    this.#nspawn = child
    const end = Date.now() + PATIENCE_MS
    while (Date.now() < end && child.exitCode === null) {
      this.#init = await initOf(child.pid ?? 0)
      if (this.#init !== 0) {
        const state = (await this.run('systemctl is-system-running')).output.split('\n')[0]
        if (state === 'running' || state === 'degraded') return
      }
      await pause(200)
    }
    throw new Error(`the machine did not boot: ${output.slice(-2_000)}`)
  }

  /** Runs a line of shell in the machine. */
  async run(line: string, input = ''): Promise<CommandEnd> {
    return runProgram('nsenter', ['-t', String(this.#init), '-a', '/bin/sh', '-c', line], { input })
  }

  /** Runs a line of shell, which must succeed, and returns what it printed. */
  async must(line: string, input = ''): Promise<string> {
    const { code, output } = await this.run(line, input)
    if (code === 0) return output
    throw new Error(`${line}: ends with ${code}\n${output}\n${(await this.run('journalctl -n 40 --no-pager')).output}`)
  }

  /** Runs a line again and again until it succeeds, and returns what it printed then. */
  async until(line: string): Promise<string> {
    const end = Date.now() + PATIENCE_MS
    for (;;) {
      const { code, output } = await this.run(line)
      if (code === 0) return output
      if (Date.now() > end) return this.must(line)
      await pause(300)
    }
  }

  /** Writes a file of the machine. */
  async write(path: string, text: string, mode = '644'): Promise<void> {
    await this.must(`umask 077 && mkdir -p "$(dirname ${path})" && cat > ${path} && chmod ${mode} ${path}`, text)
  }

  async powerOff(): Promise<void> {
    const child = this.#nspawn
    if (child === undefined) return
    this.#nspawn = undefined
    const ended = child.exitCode === null ? once(child, 'exit') : Promise.resolve()
    const { code } = await this.run('systemctl poweroff')
    // A container ends with its init; nspawn, ended itself, would leave it running.
    const timer = setTimeout(
      () => this.#init !== 0 && process.kill(this.#init, 'SIGKILL'),
      code === 0 ? PATIENCE_MS : 0,
    )
    await ended
    clearTimeout(timer)
    this.#init = 0
  }

  /** Powers the machine off and removes its files. */
  async remove(): Promise<void> {
    await this.powerOff()
    await runProgram('umount', [this.root])
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Returns the process that is init of a container, among the children of its nspawn; 0 if there is none yet. */
const initOf = async (parent: number): Promise<number> => {
  const children = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8').catch(() => '')
  for (const child of children.split(' ').filter((text) => text !== '')) {
    const comm = await readFile(`/proc/${child}/comm`, 'utf8').catch(() => '')
    if (comm.trim() === 'systemd') return Number(child)
  }
  return 0
}
