import { chmod, chown, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { PlannedFile } from './setup-files.ts'
import type { ServiceUser } from './services.ts'

/** Writes new files, and none if one of them is there or cannot be written. */
export const writeNewFiles = async (files: readonly PlannedFile[]): Promise<void> => {
  const written: string[] = []
  try {
    for (const { path, text, isSecret } of files) {
      // Only the folder of a secret is closed: what is above it is other programs' as well.
      await mkdir(dirname(dirname(path)), { recursive: true, mode: 0o755 })
      await mkdir(dirname(path), { recursive: true, mode: isSecret ? 0o700 : 0o755 })
      const mode = isSecret ? 0o600 : 0o644
      await writeFile(path, text, { mode, flag: 'wx' })
      written.push(path)
      await chmod(path, mode)
    }
  } catch (error) {
    await removeFiles(written)
    throw error
  }
}

export const removeFiles = async (paths: readonly string[]): Promise<void> => {
  for (const path of paths) await rm(path, { force: true })
}

/** Gives a folder and all in it to a service's user. */
export const giveTo = async ({ uid, gid }: ServiceUser, folder: string): Promise<void> => {
  await chown(folder, uid, gid)
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if ((await lstat(path)).isFile()) await chown(path, uid, gid)
  }
}
