import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Returns the id of this installation that a folder keeps; if there is none yet, stores one from `make`. */
export const keptId = async (folder: string, make: () => string): Promise<string> => {
  const path = join(folder, 'id')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  try {
    await writeFile(path, `${make()}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return (await readFile(path, 'utf8')).trim()
}
