import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mustRun, runCommand } from '../../../hosts/lab/command.ts'

const FOLDER = '/var/tmp/portreeve-wireguard-go'
const BINARY = join(FOLDER, 'root/usr/bin/wireguard-go')
const LEAST = 20231211

export interface Reference {
  path: string
  /** Version of the Debian package. */
  version: string
}

/**
 * Finds the wireguard-go to compare with: Debian trixie's, downloaded by apt into a folder of its own, without touching
 * the system's lists. Older versions lack its offload work. Returns the reason if it cannot be had.
 */
export const findReference = async (): Promise<Reference | { missing: string }> => {
  try {
    const version = await installed().catch(() => download())
    const date = Number(/(\d{8})/.exec(version)?.[1] ?? 0)
    return date >= LEAST ? { path: BINARY, version } : { missing: `Debian has ${version}, which is too old` }
  } catch (error) {
    const text = String(error)
    return { missing: `wireguard-go cannot be had: ${/E: .*/.exec(text)?.[0] ?? text}` }
  }
}

const installed = async (): Promise<string> => {
  if (!existsSync(BINARY)) throw new Error('not there')
  return readFile(join(FOLDER, 'version'), 'utf8')
}

const download = async (): Promise<string> => {
  for (const folder of ['lists/partial', 'state', 'cache/archives/partial']) {
    await mkdir(join(FOLDER, folder), { recursive: true })
  }
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
  await writeFile(join(FOLDER, 'sources.list'), `deb [signed-by=${keyring}] http://deb.debian.org/debian trixie main\n`)
  const apt = [
    `Dir::Etc::sourcelist=${FOLDER}/sources.list`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State=${FOLDER}/state`,
    `Dir::State::lists=${FOLDER}/lists`,
    `Dir::Cache=${FOLDER}/cache`,
    'Acquire::Languages=none',
  ].flatMap((option) => ['-o', option])
  await mustRun('apt-get', [...apt, 'update'], { timeoutMs: 120_000 })
  await mustRun('apt-get', [...apt, 'download', 'wireguard-go'], { timeoutMs: 120_000, cwd: FOLDER })
  const archive = (await readdir(FOLDER)).find((name) => name.endsWith('.deb'))
  if (archive === undefined) throw new Error('apt-get download left nothing')
  await mustRun('dpkg', ['-x', join(FOLDER, archive), join(FOLDER, 'root')])
  const { stdout } = await runCommand('dpkg-deb', ['-f', join(FOLDER, archive), 'Version'])
  await writeFile(join(FOLDER, 'version'), stdout.trim())
  return stdout.trim()
}
