// Each run of the lab, or of a test on the kernel, owns a folder that records its process and its namespaces.
// Namespaces, and files in other folders, are recorded before they are created, so that the next run can remove those
// that a killed run left, and nothing else.
import { randomBytes } from 'node:crypto'
import { appendFile, copyFile, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { checksumErrors } from './checksum-errors.ts'
import { removeNamespace } from './namespace-removal.ts'

/** Folder of all runs on this machine; root's, as namespaces are. */
const RUNS = '/run/portreeve-lab'
/** Beginning of the name of every namespace of the lab. */
const PREFIX = 'pr-'
const RUN_ID = /^[0-9a-f]{6}$/

export class RunDirectory {
  private constructor(
    /** Six hex digits, which are part of the name of each namespace. */
    readonly id: string,
    /** Path of the folder (mode 0700) with configuration, tokens (mode 0600) and logs of the run. */
    readonly path: string,
  ) {}

  /** Removes the remains of killed runs, then begins a run. */
  static async open(): Promise<RunDirectory> {
    await removeDeadRuns()
    const id = randomBytes(3).toString('hex')
    const run = new RunDirectory(id, join(RUNS, id))
    const unowned = join(RUNS, `.${id}`)
    await mkdir(unowned, { recursive: true, mode: 0o700 })
    await writeFile(join(unowned, 'owner'), JSON.stringify(await owner(process.pid)))
    // Renamed only with its owner inside: otherwise a run that starts meanwhile would remove it as dead.
    await rename(unowned, run.path)
    return run
  }

  /** Records a namespace for a role, before it is created, and returns its name. */
  async claim(role: string): Promise<string> {
    if (!/^[a-z0-9-]{1,20}$/.test(role)) throw new Error(`not a role: ${role}`)
    const name = `${PREFIX}${this.id}-${role}`
    await appendFile(join(this.path, 'namespaces'), `${name}\n`)
    return name
  }

  /** Writes a file that only root may read into the run's folder. Returns its path. */
  async write(name: string, text: string): Promise<string> {
    const path = join(this.path, name)
    await writeFile(path, text, { mode: 0o600 })
    return path
  }

  /** Writes a file that only root may read into another folder, hidden, until the run ends. Returns its path. */
  async writeInto(folder: string, name: string, text: string): Promise<string> {
    const path = join(folder, `${hiddenPrefix(this.id)}${name}`)
    await appendFile(join(this.path, 'files'), `${path}\n`)
    await writeFile(path, text, { mode: 0o600 })
    return path
  }

  /**
   * Returns counters of packets with wrong checksums received by machines of the run, as the function `checksumErrors`.
   */
  async checksumErrors(): Promise<string[]> {
    return checksumErrors(await namespacesOf(this.path))
  }

  /** Removes the run after a failure. Never rejects, so that the failure itself is reported. */
  async abandon(): Promise<void> {
    await removeRun(this.path, false).catch(() => undefined)
  }

  /**
   * Removes all namespaces of the run with their processes, and its folder unless `keepFiles`.
   * @throws Error, after the removal, if a machine has received a packet with a wrong checksum
   */
  async close({ keepFiles = false }: { keepFiles?: boolean } = {}): Promise<void> {
    const wrong = await this.checksumErrors().catch((error: unknown) => [String(error)])
    await removeRun(this.path, keepFiles)
    if (wrong.length > 0) throw new Error(`packets with a wrong checksum: ${wrong.join(', ')}`)
  }
}

/** Removes the remains of runs whose process has ended. Returns their ids. */
export const removeDeadRuns = async (): Promise<string[]> => {
  const removed: string[] = []
  for (const id of await readdir(RUNS).catch(() => [])) {
    const path = join(RUNS, id)
    if (!RUN_ID.test(id) || (await isOwned(path))) continue
    await removeRun(path, false)
    removed.push(id)
  }
  return removed
}

const removeRun = async (path: string, keepFiles: boolean): Promise<void> => {
  for (const name of await namespacesOf(path)) await removeNamespace(name)
  for (const file of await filesOf(path)) {
    if (keepFiles) await copyFile(file, join(path, basename(file).slice(1))).catch(() => undefined)
    await rm(file, { force: true })
  }
  if (!keepFiles) return rm(path, { recursive: true, force: true })
  for (const record of ['namespaces', 'files']) await rm(join(path, record), { force: true })
}

/** Returns the beginning of the names of a run's files in other folders. */
const hiddenPrefix = (id: string): string => `.portreeve-lab-${id}-`

const filesOf = async (path: string): Promise<string[]> => {
  const prefix = hiddenPrefix(basename(path))
  const recorded = await readFile(join(path, 'files'), 'utf8').catch(() => '')
  return [...new Set(recorded.split('\n').filter((file) => basename(file).startsWith(prefix)))]
}

const namespacesOf = async (path: string): Promise<string[]> => {
  const id = path.slice(RUNS.length + 1)
  const recorded = await readFile(join(path, 'namespaces'), 'utf8').catch(() => '')
  return [...new Set(recorded.split('\n').filter((name) => name.startsWith(`${PREFIX}${id}-`)))]
}

interface Owner {
  pid: number
  /** Start time of the process from /proc/PID/stat, as the pid may belong to another process meanwhile. */
  startTicks: string
}

const owner = async (pid: number): Promise<Owner | undefined> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // Start time is field 22. Field 2 is in parentheses and may contain spaces, so fields are counted after it.
  const startTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  return startTicks === undefined ? undefined : { pid, startTicks }
}

const isOwned = async (path: string): Promise<boolean> => {
  const text = await readFile(join(path, 'owner'), 'utf8').catch(() => 'null')
  const recorded = JSON.parse(text) as Owner | null
  if (recorded === null) return false
  const current = await owner(recorded.pid)
  return current?.startTicks === recorded.startTicks
}
