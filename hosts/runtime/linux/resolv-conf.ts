import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { lstat, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { Comparison } from '../../../core/upkeep/reconciler.ts'
import { ResolvConfGuard } from './resolv-conf-guard.ts'
import type { ResolverSettings, ResolverWay } from './resolver-way.ts'

/** First words of every resolv.conf that Portreeve has written. */
const MARKER = '# Written by Portreeve.'
/** Maximum of name servers that glibc reads. resolv.conf(5), MAXNS */
const MAX_SERVERS = 3

/**
 * Rewrites /etc/resolv.conf while the client runs. The original is kept in a backup file beside it, from before the
 * first change until it is restored, so that `recover` finds it however the process ended. A guard process restores it
 * at once if the client is killed.
 */
export class ResolvConf implements ResolverWay {
  readonly #link: string
  /** First words of this run's file; unique, so that a late guard of an earlier run leaves the file alone. */
  readonly #marker = `${MARKER} Run ${randomBytes(8).toString('hex')}.`
  #guard: ResolvConfGuard | undefined

  /** File that was written, and its text. */
  #written: { path: string; text: string } | undefined

  /** `path`: the file, or a link to the file of another program, which is rewritten then. */
  constructor(path = '/etc/resolv.conf') {
    this.#link = path
  }

  async set({ servers, searchDomain }: ResolverSettings): Promise<void> {
    const path = await targetOfResolvConf(this.#link)
    // The link leads elsewhere by now: the file that it led to is left as it was.
    if (this.#written !== undefined && this.#written.path !== path) await this.restore()
    const backup = backupOf(path)
    const current = await readFile(path, 'utf8').catch(absent)
    // If the file is already Portreeve's, of this run or a crashed one, the backup has the original.
    const kept = existsSync(backup) ? await readFile(backup, 'utf8') : undefined
    const original = originalOf(current, kept)
    if (original !== kept) await replaceFile(backup, original, { modeOf: path })
    const isMounted = isMountPoint(path)
    this.#guard ??= new ResolvConfGuard({ path, backup, marker: this.#marker, isMounted })
    const text = `${this.#marker} ${rewritten(original, { servers, searchDomain, backup })}`
    // A mounted file cannot be replaced by renaming.
    if (current !== text) await (isMounted ? overwriteFile(path, text) : replaceFile(path, text))
    this.#written = { path, text }
  }

  async compare(): Promise<Comparison> {
    const path = await targetOfResolvConf(this.#link)
    const text = await readFile(path, 'utf8').catch(absent)
    const isThere = this.#written?.path === path && this.#written.text === text
    // The program that writes the file may not be done: it is looked at again.
    return { lacking: isThere || (await isFresh(path)) ? [] : [this.#link], problems: [] }
  }

  async restore(): Promise<void> {
    await recoverAt(this.#written?.path ?? this.#link)
    this.#written = undefined
    this.#guard?.dismiss()
    this.#guard = undefined
  }

  /** Restores the original if a backup exists. Returns whether there was one. */
  recover(): Promise<boolean> {
    return recoverAt(this.#link)
  }
}

const recoverAt = async (link: string): Promise<boolean> => {
  // A regular file that has become a link since is as its new owner wants it.
  const beside = backupOf(link)
  if ((await isLink(link)) && existsSync(beside)) {
    await rm(beside)
    return true
  }
  const path = await targetOfResolvConf(link).catch(() => link)
  const backup = backupOf(path)
  const original = await readFile(backup, 'utf8').catch(() => undefined)
  if (original === undefined) return false
  const current = await readFile(path, 'utf8').catch(absent)
  // A file that another program has written since is newer than the backup.
  if (!standsFor(current, original)) await rm(backup)
  else if (!isMountPoint(path)) await rename(backup, path) // renaming needs no disk space
  else {
    await overwriteFile(path, original)
    await rm(backup)
  }
  return true
}

/**
 * Returns the text of the original resolv.conf, from its backup if Portreeve has replaced it; empty if there is none.
 */
export const originalResolvConf = (path = '/etc/resolv.conf'): string => {
  try {
    const current = readFileSync(path, 'utf8')
    const backup = backupOf(realpathSync(path))
    return originalOf(current, existsSync(backup) ? readFileSync(backup, 'utf8') : undefined)
  } catch {
    return ''
  }
}

/** Whether a path of resolv.conf leads to a file of systemd-resolved. */
export const isResolvedLink = (path: string): boolean => {
  try {
    return realpathSync(path).startsWith('/run/systemd/resolve/')
  } catch {
    return false
  }
}

/**
 * Whether the current text replaces the original: it is Portreeve's, or the beginning of the original that was restored
 * on a full disk, possibly empty.
 */
const standsFor = (current: string, original: string): boolean =>
  current.startsWith(MARKER) || original.startsWith(current)

/** Returns the original, given the texts of the file and of its backup, if any. */
const originalOf = (current: string, backup: string | undefined): string => {
  if (backup !== undefined && standsFor(current, backup)) return backup
  return current.startsWith(MARKER) ? '' : current
}

/**
 * Returns the path of the backup, beside the file. Processes may see different files mounted at one path (`ip netns
 * exec` does so) in a folder that all share: then the backup is beside the mounted file, or, if that is not visible,
 * its name has a hash of the mounted file.
 */
const backupOf = (path: string): string => {
  const mounted = mountedAt(path)
  if (mounted === undefined) return `${path}.before-portreeve`
  if (isSameFile(mounted.file, path)) return `${mounted.file}.before-portreeve`
  const which = createHash('sha256').update(`${mounted.device} ${mounted.file}`).digest('hex').slice(0, 12)
  return `${path}.before-portreeve-${which}`
}

const isMountPoint = (path: string): boolean => mountedAt(path) !== undefined

/** Returns device and file of the mount at a path, if any. proc_pid_mountinfo(5): fields 3, 4 and 5 */
const mountedAt = (path: string): { device: string; file: string } | undefined => {
  let text: string
  try {
    text = readFileSync('/proc/self/mountinfo', 'utf8')
  } catch {
    return undefined
  }
  const mounts = text.split('\n').map((line) => line.split(' '))
  const mount = mounts.findLast(([, , , , point]) => point === path)
  return mount === undefined ? undefined : { device: mount[2] ?? '', file: mount[3] ?? '' }
}

const isSameFile = (one: string, other: string): boolean => {
  try {
    const [a, b] = [statSync(one), statSync(other)]
    return one !== other && a.ino === b.ino && a.dev === b.dev
  } catch {
    return false
  }
}

const isLink = async (path: string): Promise<boolean> => {
  const found = await lstat(path).catch(() => undefined)
  return found?.isSymbolicLink() === true
}

/**
 * Returns the file that a path leads to, by links too: NetworkManager, resolvconf, netconfig and WSL keep theirs
 * elsewhere.
 * @throws OperatorError RESOLV_CONF_LINK if the link leads nowhere
 */
export const targetOfResolvConf = async (path: string): Promise<string> => {
  if (!(await isLink(path))) return path
  const target = await realpath(path).catch(() => undefined)
  if (target !== undefined) return target
  throw new OperatorError(
    'RESOLV_CONF_LINK',
    `${path} is a symbolic link to a file that is not there, so that names of resources are not resolved.`,
    'Start the program that makes that file, or make resolv.conf a regular file.',
  )
}

/** Time in milliseconds within which a file that was written may still be written. */
const FRESH_MS = 200

const isFresh = async (path: string): Promise<boolean> => {
  const age =
    Date.now() -
    (await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    ))
  return age >= 0 && age < FRESH_MS
}

/** Returns the text of the new resolv.conf, without the marker that precedes it. */
const rewritten = (
  original: string,
  { servers, searchDomain, backup }: { servers: readonly string[]; searchDomain: string | undefined; backup: string },
): string => {
  const lines = original.split('\n').map((line) => line.trim())
  const domains =
    lines
      .findLast((line) => /^(search|domain)\s/.test(line))
      ?.split(/\s+/)
      .slice(1) ?? []
  const search = [...new Set([...(searchDomain === undefined ? [] : [searchDomain]), ...domains])]
  return [
    `The original is in ${backup} and comes back when the client stops.`,
    ...servers.slice(0, MAX_SERVERS).map((server) => `nameserver ${server}`),
    ...(search.length === 0 ? [] : [`search ${search.join(' ')}`]),
    ...lines.filter((line) => /^options\s/.test(line)),
    '',
  ].join('\n')
}

const absent = (error: unknown): string => {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
  throw error
}

/** Replaces a file atomically, also if the machine crashes. Keeps its mode, or takes that of `modeOf`. */
const replaceFile = async (path: string, text: string, { modeOf = path } = {}): Promise<void> => {
  const temporary = `${path}.tmp`
  const mode = await stat(modeOf).then(
    (found) => found.mode & 0o777,
    () => 0o644,
  )
  await rm(temporary, { force: true })
  const file = await open(temporary, 'wx', mode)
  try {
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Overwrites a file in place; if the disk is full, writes its former content back and rejects. */
const overwriteFile = async (path: string, text: string): Promise<void> => {
  const file = await open(path, 'r+')
  const write = async (bytes: Buffer): Promise<void> => {
    for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at, at)).bytesWritten
    await file.truncate(bytes.length)
    await file.sync()
  }
  try {
    const before = await readFile(path)
    try {
      await write(Buffer.from(text))
    } catch (error) {
      await write(before)
      throw error
    }
  } finally {
    await file.close()
  }
}
